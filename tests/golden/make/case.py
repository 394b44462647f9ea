"""What a case is: how a plan comes about, and the truth about it that follows from that."""

from dataclasses import dataclass, field


@dataclass
class Case:
    """One plan.

    `before` is applied, `steps` are done, then `after` is planned with `flags`. A configuration is
    the text of `main.tf`, or a dictionary of files; `after` is `before` unless it is given, and
    `before=None` applies nothing. With `aws` the real AWS provider talks to the emulator.
    """

    name: str
    shows: str
    before: object
    after: object = None
    steps: tuple = ()
    flags: tuple = ()
    aws: bool = False
    terraform: str = "1.11.4"
    default_tags: tuple = ((), ())
    exit: int = 2
    verdict: str = "pending"
    findings: dict = field(default_factory=dict)
    outputs: dict = field(default_factory=dict)
    checks: dict = field(default_factory=dict)
    replace: tuple = ()
    moved: dict = field(default_factory=dict)
    more: dict = field(default_factory=dict)

    def expected(self):
        """The content of `NAME.expected.json`."""
        findings = {}
        for address, attributes in self.findings.items():
            findings[address] = {"attributes": attributes}
            if address in self.replace:
                findings[address]["replace"] = True
            if address in self.moved:
                findings[address]["previous_address"] = self.moved[address]
        return {
            "shows": self.shows,
            "made_by": f"Terraform {self.terraform}" + (", AWS provider 3.39.0" if self.aws else ""),
            "exit": self.exit,
            "errored": self.exit == 1,
            "verdict": self.verdict,
            "findings": findings,
            "outputs": self.outputs,
            "checks": self.checks,
        } | self.more


@dataclass
class Cli:
    """A Terraform command; a failing one is an error unless it is meant to fail."""

    words: tuple
    fails: bool = False


@dataclass
class Write:
    """A file is written in the stack's directory."""

    file: str
    text: str


@dataclass
class Hand:
    """Somebody calls AWS by hand. `{ADDRESS|ATTRIBUTE}` in a text is read from the state."""

    service: str
    operation: str
    arguments: dict


@dataclass
class Apply:
    """Another configuration is applied in between."""

    files: object
    fails: bool = False


def cli(*words, fails=False):
    """See `Cli`."""
    return Cli(words, fails)


def hand(service, operation, **arguments):
    """See `Hand`."""
    return Hand(service, operation, arguments)
