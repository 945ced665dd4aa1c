"""Requests that schemathesis makes up from the API's own description."""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from typing import Any

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import InvalidArgument, Unsatisfiable
from requests.exceptions import InvalidHeader, InvalidURL
from schemathesis import GenerationMode

from support.described import OpenApi

FEW, MANY = 5, 40
"""Requests of one operation in a row: many of them cost less each, few reach every operation."""
PATIENCE = 10.0
ELSEWHERE = "not-found", "method-not-allowed"
"""Problems of no endpoint: a name that is none makes another path."""


class ApiFuzzer:
    """Asks the gateway at `url` what its description allows, and what it does not."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}"}
        self._session = requests.Session()
        self._session.trust_env = False
        document = self._session.get(f"{url}/api/openapi.json", timeout=PATIENCE).json()
        self._described = OpenApi(document)
        schema = schemathesis.openapi.from_dict(document)
        self._operations = [each.ok() for each in schema.get_all_operations()]
        self.answers: Counter[str] = Counter()
        self.failed: list[str] = []
        """Requests that were answered with a 500 or more."""
        self.undescribed: list[str] = []
        """Answers that the description does not name, or whose content it has otherwise."""
        self.asked: set[str] = set()

    def run(self, seconds: float, number: int) -> None:
        deadline = time.monotonic() + seconds
        rounds, examples = self._rounds(), MANY if seconds > MANY else FEW
        for turn in count(number * 1_000_000):
            operation, mode = next(rounds)
            self._ask_some(operation, mode, turn, examples)
            if time.monotonic() > deadline and len(self.asked) == len(self._operations):
                break

    def _rounds(self) -> Iterator[tuple[Any, GenerationMode]]:
        while True:
            for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
                for operation in self._operations:
                    yield operation, mode

    def _ask_some(self, operation: Any, mode: GenerationMode, turn: int, examples: int) -> None:
        @seed(turn)
        @settings(
            max_examples=examples,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(mode))
        def ask(case: Any) -> None:
            self._ask(case, as_somebody=turn % 4 > 0)

        with suppress(InvalidArgument, Unsatisfiable):  # it takes nothing that could be wrong
            ask()
        self.asked.add(operation.label)

    def _ask(self, case: Any, *, as_somebody: bool) -> None:
        if case.headers:
            case.headers.pop("Prefer", None)  # it would wait for a build that nobody takes
        headers = self._headers if as_somebody else {}
        try:
            asked = case.as_transport_kwargs(base_url=self._url, headers=headers)
            with self._session.request(
                **asked, stream=True, timeout=PATIENCE, allow_redirects=False
            ) as answer:
                self.answers[str(answer.status_code)] += 1
                if answer.status_code >= 500:
                    self.failed.append(f"{case.method} {answer.url}: {answer.text[:300]}")
                self._judge(case, answer)
        except (InvalidHeader, InvalidURL, UnicodeError):
            self.answers["unsendable"] += 1

    def _judge(self, case: Any, answer: requests.Response) -> None:
        media_type = answer.headers.get("Content-Type", "").partition(";")[0]
        body = answer.json() if media_type.endswith("json") else None
        if isinstance(body, dict) and str(body.get("type", "")).endswith(ELSEWHERE):
            return
        method, path = case.operation.method.lower(), case.operation.path
        flaws = self._described.answer(method, path, answer.status_code, media_type, body)
        self.undescribed += [f"{case.method} {answer.url}: {flaw}" for flaw in flaws]
