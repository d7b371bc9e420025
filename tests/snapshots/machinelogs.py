"""Debugger logs of one made-up machine at chosen moments."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What the log of one moment shows; parts that are empty or None are not in it."""

    hour: int | None = 0
    """Hours after the first moment, which is 10 days after boot."""
    thre: int | None = 20_000
    handles: int = 20_100
    kernel_base: str = "fffff804`4d200000"
    system: str = "ffffd58a`3a6b1040"
    worker: str = "ffffd58a`3f0b0080"
    pid: int = 0xA10
    boot_day: int = 10
    processors: int = 4
    pages: int | None = 4_000_000
    uptime: bool = True
    processes: bool = True

    def text(self) -> str:
        """The log."""
        lines = ["Microsoft (R) Windows Debugger Version 10.0.19041.685 AMD64"]
        lines.append(f"Windows 10 Kernel Version 19041 MP ({self.processors} procs) Free x64")
        if self.kernel_base:
            lines.append(f"Kernel base = 0x{self.kernel_base} PsLoadedModuleList = 0x{self.kernel_base[:-3]}310")
        if self.hour is not None:
            day, hour = 20 + self.hour // 24, self.hour % 24
            lines.append(f"Debug session time: Fri Nov {day} {hour:02d}:00:00.000 2026 (UTC + 0:00)")
            if self.uptime:
                lines.append(f"System Uptime: {day - self.boot_day} days {hour}:00:00.000")
        if self.pages:
            lines += [
                "0: kd> !vm 1",
                f"Physical Memory: {self.pages} ( {4 * self.pages} Kb)",
                "NonPagedPool Usage: 10 ( 40 Kb)",
                "NonPagedPoolNx Usage: 100000 ( 400000 Kb)",
                "NonPagedPool Max: 4294967296 (17179869184 Kb)",
            ]
        if self.thre is not None:
            lines += [
                "0: kd> !poolused 2",
                " Sorting by NonPaged Pool Consumed",
                "               NonPaged                  Paged",
                " Tag     Allocs         Used     Allocs         Used",
                f" Thre  {self.thre}  {1280 * self.thre}  0  0\tThread objects , Binary: nt!ps",
                " EtwB  200  8000000  0  0\tEtw Buffer , Binary: nt!etw",
                f" TOTAL  {self.thre + 200}  {1280 * self.thre + 8_000_000}  0  0",
            ]
        if self.processes:
            lines += ["0: kd> !process 0 0", "**** NT ACTIVE PROCESS DUMP ****"]
            lines += _process(self.system, 4, 2000, "System")
            lines += _process("ffffd58a`3f0a0080", 0x200, 900, "services.exe")
            lines += _process(self.worker, self.pid, self.handles, "worker.exe")
        return "\n".join(lines) + "\n"

    def write(self, path: Path) -> Path:
        """Write the log; the path is returned."""
        path.write_text(self.text(), encoding="utf-8")
        return path


def _process(address: str, pid: int, handles: int, image: str) -> list[str]:
    return [
        f"PROCESS {address.replace('`', '')}",
        f"    SessionId: 0  Cid: {pid:04x}    Peb: 3d5d6000  ParentCid: 0004",
        f"    DirBase: 001ad000  ObjectTable: ffffe10b14a0ac80  HandleCount: {handles}.",
        f"    Image: {image}",
        "",
    ]
