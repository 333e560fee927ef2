"""A program for tests of the nursery: says how it finds the world, then does what its first argument says."""

import json
import os
import signal
import sys
import time


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("asked to end"))
    world = {
        "arguments": sys.argv[1:],
        "file": os.path.basename(sys.argv[0]),
        "main": __name__,
        "environment": dict(os.environ),
        "folder": os.getcwd(),
        "session": os.getsid(0) == os.getpid(),
        "input": sys.stdin.read(),
        "open": sorted(int(number) for number in os.listdir("/proc/self/fd")),
        "name": open("/proc/self/comm").read().strip(),  # noqa: SIM115
        "ahead": "tests.local.warmth" in sys.modules,
    }
    print(json.dumps(world), flush=True)
    match sys.argv[1]:
        case "stay":
            time.sleep(300)
        case "fail":
            raise RuntimeError("no such thing: colour")
        case code:
            sys.exit(int(code))


if __name__ == "__main__":
    main()
