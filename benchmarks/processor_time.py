"""How much of the processors a process had, and how much it waited for them."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ProcessorTime:
    """What a process and those that it has started have used, and waited for while others had the processors."""

    used: float
    waited: float

    def __sub__(self, other: "ProcessorTime") -> "ProcessorTime":
        return ProcessorTime(self.used - other.used, self.waited - other.waited)

    @property
    def slowness(self) -> float:
        """In how many seconds a second's work was done."""
        return (self.used + self.waited) / self.used if self.used else 1.0


def processor_time(process_id: int) -> ProcessorTime:
    """Return that of all threads, in seconds: `/proc/…/schedstat`, in the kernel's documentation of its scheduler."""
    used = waited = 0.0
    for thread in Path(f"/proc/{process_id}/task").iterdir():
        on, off, _ = map(int, (thread / "schedstat").read_text().split())
        used, waited = used + on / 1e9, waited + off / 1e9
        for child in (thread / "children").read_text().split():
            its = processor_time(int(child))
            used, waited = used + its.used, waited + its.waited
    return ProcessorTime(used, waited)
