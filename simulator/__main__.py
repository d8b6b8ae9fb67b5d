"""`python -m simulator`: serve both vendors until interrupted, and print what a client needs to reach them."""

import argparse
import asyncio
import os
import signal

from .app import FEWEST_DEALS, Simulator
from .fault_flags import parse_faults


async def run(simulator: Simulator, host: str, port: int) -> None:
    """Serve until SIGINT or SIGTERM."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with simulator.serve(host, port) as urls, simulator.heartbeat():
        for name, value in simulator.environment(urls).items():
            print(f"{name}={value}")
        print(f"# control: {urls.control}/{{reset,config,calls,stats,faults,deals}}", flush=True)
        await stop.wait()


def _deals(text: str) -> tuple[int, int]:
    parts = text.split(",")
    if len(parts) != 2 or not all(part.isascii() and part.isdigit() and int(part) >= FEWEST_DEALS for part in parts):
        raise argparse.ArgumentTypeError(f"must be two numbers of at least {FEWEST_DEALS}, like 5000,10000")
    return int(parts[0]), int(parts[1])


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(prog="simulator", description="Nexudus and ChartMogul on this machine, simulated")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one (default)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--no-throttle", action="store_true", help="lift the vendors' request rates")
    parser.add_argument(
        "--deals", type=_deals, metavar="NEXUDUS,CHARTMOGUL", help="how many each has, at least 200; dated around now"
    )
    parser.add_argument(
        "--fault", action="append", default=[], metavar="VENDOR=FAULT", help="let one fail from the start: nexudus=500"
    )
    arguments = parser.parse_args()
    simulator = Simulator(seed=arguments.seed, throttled=not arguments.no_throttle, deals=arguments.deals)
    try:
        simulator.fail(parse_faults(arguments.fault))
    except ValueError as error:
        parser.error(f"--fault: {error}")
    try:
        asyncio.run(run(simulator, arguments.host, arguments.port))
    except OSError as error:
        parser.error(f"{arguments.host}:{arguments.port} cannot be used: {os.strerror(error.errno or 0)}")


if __name__ == "__main__":
    main()
