"""Runners that wait for work on their standard input, asked in turn."""
import os
import select
import signal
import statistics
import subprocess
import time


class Runner:
    """A process that answers every line (a variant's name) with the milliseconds that one run of it took."""

    def __init__(self, command, environment=None, patience=240.0):
        self.command = [str(part) for part in command]
        self.environment = {**os.environ, **(environment or {})}
        self.patience = patience
        self.process = None

    def ask(self, variant):
        """None when it fails or takes too long; the next question starts a new process."""
        if self.process is None:
            self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                            stderr=subprocess.DEVNULL, env=self.environment)
        try:
            self.process.stdin.write((variant + "\n").encode())
            self.process.stdin.flush()
            if not select.select([self.process.stdout], [], [], self.patience)[0]:
                raise OSError("too slow")
            return float(self.process.stdout.readline())
        except (OSError, ValueError):
            self.close(kill=True)
            return None

    def close(self, kill=False):
        """The largest resident size in bytes."""
        if self.process is None:
            return 0
        if kill:
            os.kill(self.process.pid, signal.SIGKILL)  # Popen.kill() would take the status of one that has ended
        self.process.stdin.close()
        _, _, usage = os.wait4(self.process.pid, 0)
        self.process.stdout.close()
        self.process.returncode = 0
        self.process = None
        return usage.ru_maxrss * 1024


def interleaved(entries, rounds):
    """entries: [(name, runner, variant)]. {name: [milliseconds of every round]}; failed ones are left out.

    The first run of each only warms up."""
    alive = [entry for entry in entries if entry[1].ask(entry[2]) is not None]
    times = {name: [] for name, _, _ in alive}
    for _ in range(rounds):
        for name, runner, variant in alive:
            times[name].append(runner.ask(variant))
    for runner in {id(runner): runner for _, runner, _ in entries}.values():
        runner.close()
    return {name: values for name, values in times.items() if None not in values}


def medians(times):
    return {name: statistics.median(values) for name, values in times.items()}


def seconds_of(command, environment=None):
    start = time.perf_counter()
    subprocess.run([str(part) for part in command], check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL, env={**os.environ, **(environment or {})})
    return time.perf_counter() - start
