"""Classic wrong orders of units in `solution/fully_sharded.py`."""

from shared.mistakes import mistake


@mistake(
    "2.19",
    "fully_sharded.FullySharded.enter",
    "Nothing is ever freed: in the end the whole model is on every rank, as if it were not sharded.",
)
def enter_keeps_all(self, unit):
    if self.path[-1:] != [unit]:
        self.path.append(unit)
    unit.gather()
    coming = self.next_unit()
    if coming is not None:
        coming.gather()
    unit.wait()


@mistake(
    "2.19",
    "fully_sharded.FullySharded.enter",
    "The next unit is not asked for. When its turn comes, everybody waits for it.",
)
def enter_does_not_look_ahead(self, unit):
    if self.path[-1:] != [unit]:
        self.path.append(unit)
    for other in self.units:
        if other is not unit:
            other.free()
    unit.gather()
    unit.wait()


@mistake(
    "2.19",
    "fully_sharded.FullySharded.enter",
    "The unit that comes next is freed with the others, and gathered again. What is here already and needed next may stay.",
)
def enter_frees_the_next(self, unit):
    if self.path[-1:] != [unit]:
        self.path.append(unit)
    for other in self.units:
        if other is not unit:
            other.free()
    unit.gather()
    coming = self.next_unit()
    if coming is not None:
        coming.gather()
    unit.wait()


@mistake(
    "2.19",
    "fully_sharded.FullySharded.enter",
    "Memory is taken before the old is given back: for a moment three units are whole.",
)
def enter_gathers_before_it_frees(self, unit):
    if self.path[-1:] != [unit]:
        self.path.append(unit)
    coming = self.next_unit()
    unit.gather()
    if coming is not None:
        coming.gather()
    unit.wait()
    for other in self.units:
        if other is not unit and other is not coming:
            other.free()


@mistake(
    "2.19",
    "fully_sharded.FullySharded.enter",
    "The unit is still on its way when its modules begin to compute with it: wait for it.",
)
def enter_does_not_wait(self, unit):
    if self.path[-1:] != [unit]:
        self.path.append(unit)
    coming = self.next_unit()
    for other in self.units:
        if other is not unit and other is not coming:
            other.free()
    unit.gather()
    if coming is not None:
        coming.gather()


@mistake(
    "2.19",
    "fully_sharded.FullySharded.enter",
    "It also waits for the next unit, which has time until its own turn comes.",
)
def enter_waits_for_both(self, unit):
    if self.path[-1:] != [unit]:
        self.path.append(unit)
    coming = self.next_unit()
    for other in self.units:
        if other is not unit and other is not coming:
            other.free()
    unit.gather()
    if coming is not None:
        coming.gather()
        coming.wait()
    unit.wait()


@mistake(
    "2.19",
    "fully_sharded.FullySharded.enter",
    "The unit that is needed now queues behind the one that is needed later. Ask for this one first.",
)
def enter_asks_for_the_next_first(self, unit):
    if self.path[-1:] != [unit]:
        self.path.append(unit)
    coming = self.next_unit()
    for other in self.units:
        if other is not unit and other is not coming:
            other.free()
    if coming is not None:
        coming.gather()
    unit.gather()
    unit.wait()


@mistake(
    "2.19",
    "fully_sharded.FullySharded.enter",
    "A unit of several modules goes into the path once for each of them, and the guess at the next one runs ahead.",
)
def enter_counts_modules(self, unit):
    self.path.append(unit)
    coming = self.next_unit()
    for other in self.units:
        if other is not unit and other is not coming:
            other.free()
    unit.gather()
    if coming is not None:
        coming.gather()
    unit.wait()


@mistake(
    "2.19",
    "fully_sharded.FullySharded.enter",
    "Only the unit that ran last is freed. One that was fetched and then not used stays for ever.",
)
def enter_frees_the_last_only(self, unit):
    before = self.path[-1] if self.path else unit
    if before is not unit or not self.path:
        self.path.append(unit)
    coming = self.next_unit()
    if before is not unit and before is not coming:
        before.free()
    unit.gather()
    if coming is not None:
        coming.gather()
    unit.wait()


@mistake(
    "2.19",
    "fully_sharded.FullySharded.enter",
    "A unit enters the path once a step. It runs again in the backward pass: the path is the order of visits, both ways.",
)
def enter_visits_once(self, unit):
    if unit not in self.path:
        self.path.append(unit)
    coming = self.next_unit()
    for other in self.units:
        if other is not unit and other is not coming:
            other.free()
    unit.gather()
    if coming is not None:
        coming.gather()
    unit.wait()


@mistake(
    "2.19",
    "fully_sharded.FullySharded.enter",
    "It waits for this unit before it asks for the next, whose way then begins later than it could.",
)
def enter_waits_before_it_asks(self, unit):
    if self.path[-1:] != [unit]:
        self.path.append(unit)
    coming = self.next_unit()
    for other in self.units:
        if other is not unit and other is not coming:
            other.free()
    unit.gather()
    unit.wait()
    if coming is not None:
        coming.gather()
