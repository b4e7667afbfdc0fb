"""Who runs next, said as plainly as can be: lists that are sorted anew for every job that starts."""

KINDS = ("cores", "memory_bytes", "gpus")


class QueueingModel:
    """Waiting jobs as [queue, rank, id, needs, passes], the slots of each queue, and what the machine has free."""

    def __init__(self, slots, free, passes_max):
        self.jobs = []
        self.slots = dict(slots)
        self.free = dict(free)
        self.passes_max = passes_max
        self.served = []

    def push(self, queue, rank, job_id, needs):
        self.remove(queue, job_id)
        self.jobs.append([queue, rank, job_id, needs, 0])

    def remove(self, queue, job_id):
        self.jobs = [job for job in self.jobs if (job[0], job[2]) != (queue, job_id)]

    def give(self, queue, needs):
        self.slots[queue] += 1
        for kind in KINDS:
            self.free[kind] += needs[kind]

    def assign(self):
        """Start jobs until none can start; return their queues and ids in the order of their starts."""
        started = []
        while (job := self.next()) is not None:
            self.jobs.remove(job)
            self.slots[job[0]] -= 1
            for kind in KINDS:
                self.free[kind] -= job[3][kind]
            self.served = [name for name in self.served if name != job[0][0]] + [job[0][0]]
            started.append((job[0], job[2]))
        return started

    def next(self):
        """Return the job that starts next, and count those that it passes over."""
        first = {}
        for job in sorted(self.jobs, key=lambda job: (job[1], job[2])):
            if self.slots[job[0]] > 0:
                first.setdefault(job[0], job)
        lacking = [job for job in first.values() if not self.fits(job)]
        reserved = [job for job in lacking if job[4] >= self.passes_max]
        able = [job for job in first.values() if self.fits(job) and not any(compete(job, other) for other in reserved)]
        if not able:
            return None
        chosen = min(able, key=lambda job: (self.turn(job[0][0]), job[1], job[2]))
        for job in lacking:
            if compete(chosen, job):
                job[4] += 1
        return chosen

    def turn(self, workspace):
        """Return where the workspace stands: never served first, by name; then the one served longest ago."""
        return (1, self.served.index(workspace), "") if workspace in self.served else (0, 0, workspace)

    def fits(self, job):
        return all(job[3][kind] <= self.free[kind] for kind in KINDS)


def compete(job, other):
    """Tell whether both need something of the same kind."""
    return any(job[3][kind] > 0 and other[3][kind] > 0 for kind in KINDS)
