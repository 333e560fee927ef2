"""Every metric of the spine, with its meaning and what to do about it."""

from prometheus_client import Counter, Gauge, Histogram

DELAYS = (0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200)

PROCESS_READY = Gauge("hub_process_ready", "1: the process is ready; 0: /ready says what it waits for.")
ISSUER_KEYS_AGE = Gauge(
    "hub_issuer_keys_age_seconds",
    "Since the keys at …_JWKS_URL were fetched; 0: they lie in a file. Above 3600: the issuer is away.",
)
OUTBOX_ROWS = Gauge("hub_outbox_rows", "Events not yet sent to Kafka. Growing: relay or Kafka down.")
OUTBOX_OLDEST = Gauge("hub_outbox_oldest_seconds", "Age of the oldest unsent event. Rising: relay or Kafka down.")
RELAYED = Counter("hub_events_relayed_total", "Events acknowledged by Kafka.", ["topic"])
CONSUMED = Counter("hub_events_consumed_total", "Records read, by what became of them.", ["topic", "outcome"])
CONSUMER_LAG = Gauge("hub_consumer_lag_records", "Records not yet read, by partition.", ["topic", "partition"])
CONSUMER_STOPPED = Gauge(
    "hub_consumer_stopped", "1: reading stopped by an alarm; see the log and /ready.", ["topic", "partition"]
)
EVENT_DELAY = Histogram(
    "hub_event_delay_seconds", "From the commit of an event to its handling.", ["topic"], buckets=DELAYS
)
DEAD_LETTERS = Counter("hub_dead_letters_total", "Records refused for good. See `hub dead-letters list`.", ["reason"])
DEAD_LETTERS_OPEN = Gauge("hub_dead_letters_open", "Dead letters that nobody has decided about.")
WAITING_RECORDS = Gauge("hub_waiting_records", "Records that wait for reference data.")
WAITING_OLDEST = Gauge("hub_waiting_oldest_seconds", "Age of the oldest waiting record. Above 600: mend the data.")
TIMER_DELAY = Histogram("hub_timer_delay_seconds", "From a timer's due time to its ringing.", buckets=DELAYS)
TIMER_OLDEST = Gauge("hub_timer_oldest_seconds", "How long the oldest due timer has waited, in business time.")
WORK_DUE = Gauge("hub_lane_work_due", "Work rows that are due or waiting, by lane.", ["lane"])
WORK_SET_ASIDE = Gauge("hub_lane_work_set_aside", "Work rows set aside or refused: a person must look.", ["lane"])
WORK_UNKNOWN = Gauge(
    "hub_lane_work_unknown", "Work rows that may or may not have been taken: ask the party and settle.", ["lane"]
)
LANE_OPEN = Gauge("hub_lane_circuit_open", "1: the lane's circuit is open, nothing is sent but probes.", ["lane"])
DELIVERIES = Counter("hub_deliveries_total", "Attempts at outside parties, by outcome.", ["lane", "outcome"])
DELIVERY_SECONDS = Histogram(
    "hub_delivery_seconds", "How long attempts took, by kind of work.", ["kind"], buckets=DELAYS
)
EFFECT_DELAY = Histogram(
    "hub_fact_to_effect_seconds",
    "From the commit of the causing fact to the outside party's 2xx, by kind of work.",
    ["kind"],
    buckets=DELAYS,
)
