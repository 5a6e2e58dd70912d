"""The graphs that every tool deploys: which stacks there are, how long each takes, and what each waits for."""

from dataclasses import dataclass, field

WIDTH = 10


@dataclass
class Stack:
    """One stack, of one parameter."""

    name: str
    seconds: float
    waits_on: list = field(default_factory=list)
    fails: bool = False

    def template(self, value="first"):
        """Its template. The local AWS lets its parameter last as long as its description says, or fail, for every tool alike."""
        wish = f"sleep={self.seconds:g}" + (" fail=as it was told" if self.fails else "")
        return (
            "Resources:\n"
            "  Parameter:\n"
            "    Type: AWS::SSM::Parameter\n"
            f"    Properties: {{Type: String, Value: {value}, Description: '{wish}'}}\n"
        )


def layers(size, seconds=3):
    """Layers of ten, each stack waits on three of the layer above."""
    stacks = []
    for number in range(size):
        above = number - number % WIDTH - WIDTH
        waits_on = sorted({above + (number + step) % WIDTH for step in range(3)}) if above >= 0 else []
        stacks.append(Stack(f"s{number}", seconds, [f"s{other}" for other in waits_on]))
    return stacks


def staggered(size, seconds=1, long=6):
    """Ten chains, in each of which another stack takes long: whoever waits at a barrier waits for all of them."""
    stacks = []
    for number in range(size):
        place, chain = divmod(number, WIDTH)
        waits_on = [f"s{number - WIDTH}"] if place else []
        stacks.append(Stack(f"s{number}", long if place == chain else seconds, waits_on))
    return stacks


def comb(size, seconds=2):
    """A spine, and nine teeth on each of its stacks."""
    stacks = []
    for number in range(size):
        place, tooth = divmod(number, WIDTH)
        waits_on = ([f"s{number - WIDTH}"] if place else []) if tooth == 0 else [f"s{place * WIDTH}"]
        stacks.append(Stack(f"s{number}", seconds, waits_on))
    return stacks


def flat(size, seconds=0):
    """No stack waits for another."""
    return [Stack(f"s{number}", seconds) for number in range(size)]


GRAPHS = {"layers": layers, "staggered": staggered, "comb": comb}


def critical_path(stacks):
    """The longest chain, in seconds: no deployment can be shorter."""
    ends = {}
    for stack in stacks:
        ends[stack.name] = stack.seconds + max((ends[other] for other in stack.waits_on), default=0)
    return max(ends.values(), default=0)


def dependents(stacks, name):
    """The names of all stacks that wait for one, or for one that does."""
    found = {name}
    for stack in stacks:
        if found.intersection(stack.waits_on):
            found.add(stack.name)
    return found - {name}


def barriers(stacks):
    """What it would take if each layer waited for the whole one above, in seconds."""
    depth, longest = {}, {}
    for stack in stacks:
        depth[stack.name] = 1 + max((depth[other] for other in stack.waits_on), default=0)
        longest[depth[stack.name]] = max(longest.get(depth[stack.name], 0), stack.seconds)
    return sum(longest.values())
