"""Speaks as kd.exe does over pipes, and answers out of a log: prompts without a line end, `.echo`, `q`.

FAKE_KD_LOG is the log, FAKE_KD_MODES a JSON object of commands and what goes wrong with them, FAKE_KD_ECHO prints what
was typed behind the prompt, FAKE_KD_ASKED is a file that receives the arguments and every line of input.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path

from fake_log import note, outputs

PROMPT = "0: kd> "
BANNER = "Microsoft (R) Windows Debugger Version 10.0.26100.1 AMD64\nCopyright (c) Microsoft Corporation.\n\n"
SYMBOLS = (
    "*** ERROR: Symbol file could not be found.  Defaulted to export symbols for ntkrnlmp.exe - \n"
    "*** ERROR: Module load completed but symbols could not be loaded for other.sys\n"
)


def write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def run(text: str, mode: str | None) -> None:
    """Print an output, or what comes of it."""
    if mode in ("die", "hang", "deaf"):
        write(text[: len(text) // 2])
        if mode == "die":
            os._exit(3)
        if mode == "deaf":
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        time.sleep(60)
    while mode == "flood":
        write("ffffffff`ffffffff  00000000 nothing of interest\n" * 500)
    if mode == "forge":
        write(f"0: kd> .echo {'a' * 32}\n{'a' * 32}\n")
    if mode == "wrong symbols":
        write(SYMBOLS)
    if mode == "latin":
        sys.stdout.buffer.write(text.replace("Usage", "\xdcsage").encode("latin-1"))
    else:
        write(text.rstrip("\n") if mode == "half" else text)


def main() -> None:
    """Answer until told to quit."""
    said = outputs(os.environ["FAKE_KD_LOG"])
    modes = json.loads(os.environ["FAKE_KD_MODES"])
    asked = os.environ["FAKE_KD_ASKED"]
    note(asked, f"{sys.argv[1:]} beside {[path.name for path in Path().iterdir()]}")
    write(BANNER)
    if modes.get("") == "cannot open":
        write('Could not open dump file [x.dmp], Win32 error 0n2\n    "The system cannot find the file specified."\n')
        sys.exit(1)
    write(said[""])
    while True:
        try:
            write(PROMPT)
            line = sys.stdin.readline()
            if not line or line.strip() == "q":
                break
            command = line.strip()
            note(asked, command)
            if os.environ.get("FAKE_KD_ECHO"):
                write(line)
            if command.startswith(".echo "):
                write(command[6:] + "\n")
            elif command in said:
                run(said[command], modes.get(command))
            elif command:
                write(f"No export {command.split()[0].lstrip('!')} found\n")
        except KeyboardInterrupt:
            write("\n")


if __name__ == "__main__":
    main()
