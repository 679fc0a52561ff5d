"""The mistakes of `mistakes/fully_sharded_enter.py`, as others would write them."""

from shared.mistakes import attempt


def remember(model, unit):
    if not model.path or model.path[-1] is not unit:
        model.path += [unit]


def release(model, *kept):
    for unit in model.units:
        if not any(unit is k for k in kept):
            unit.free()


def ask(*units):
    for unit in units:
        if unit is not None:
            unit.gather()


@attempt("enter_keeps_all")
def _(self, unit):
    remember(self, unit)
    ask(unit, self.next_unit())
    unit.wait()


@attempt("enter_does_not_look_ahead")
def _(self, unit):
    remember(self, unit)
    release(self, unit)
    ask(unit)
    unit.wait()


@attempt("enter_frees_the_next")
def _(self, unit):
    remember(self, unit)
    release(self, unit)
    ask(unit, self.next_unit())
    unit.wait()


@attempt("enter_gathers_before_it_frees")
def _(self, unit):
    remember(self, unit)
    following = self.next_unit()
    ask(unit, following)
    release(self, unit, following)
    unit.wait()


@attempt("enter_does_not_wait")
def _(self, unit):
    remember(self, unit)
    following = self.next_unit()
    release(self, unit, following)
    ask(unit, following)


@attempt("enter_waits_for_both")
def _(self, unit):
    remember(self, unit)
    following = self.next_unit()
    release(self, unit, following)
    ask(unit, following)
    unit.wait()
    if following:
        following.wait()


@attempt("enter_asks_for_the_next_first")
def _(self, unit):
    remember(self, unit)
    following = self.next_unit()
    release(self, unit, following)
    ask(following, unit)
    unit.wait()


@attempt("enter_counts_modules")
def _(self, unit):
    self.path += [unit]
    following = self.next_unit()
    release(self, unit, following)
    ask(unit, following)
    unit.wait()


@attempt("enter_frees_the_last_only")
def _(self, unit):
    last = self.path[-1:]
    remember(self, unit)
    following = self.next_unit()
    for old in last:
        if old not in (unit, following):
            old.free()
    ask(unit, following)
    unit.wait()


@attempt("enter_visits_once")
def _(self, unit):
    if self.path.count(unit) == 0:
        self.path += [unit]
    following = self.next_unit()
    release(self, unit, following)
    ask(unit, following)
    unit.wait()


@attempt("enter_waits_before_it_asks")
def _(self, unit):
    remember(self, unit)
    following = self.next_unit()
    release(self, unit, following)
    ask(unit)
    unit.wait()
    ask(following)
