"""The benchmark of Node's codecs: the codecs that it times work."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest

from tokensession import KeyRing, Policy, SessionCodec

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
ROWS = {
    "tokensession (Node)": "yes",
    "iron-session": "yes",
    "Auth.js": "yes",
    "jose dir A256GCM": "yes",
    "jose HS256": "no",
    "fastify secure-session": "yes",
}


@pytest.fixture
def measure(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Import what a program of the benchmarks imports."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module


def test_every_codec_takes_its_turns(measure: Any) -> None:
    """Each is there and reads what it wrote; our own token is one for Python too."""
    module, rounds = measure("_measure.nodepeers"), measure("_measure.rounds")
    ring = KeyRing.generate()
    state = measure("_measure.states").TYPICAL.value
    codec = SessionCodec(ring, policy=Policy())
    with module.NodePeers(state, ring) as peers:
        assert peers.missing == {}
        assert [row.name for row in peers.rows] == list(ROWS)
        assert codec.decode(peers.rows[0].token).state == state
        tasks = [
            *peers.tasks("node"),
            rounds.Task("node encode", "ours", rounds.repeated(codec.encode, state)),
        ]
        times = rounds.run(tasks, 2)
    for row in peers.rows:
        assert times.microseconds("node encode", row.name) > 0
        assert times.microseconds("node decode", row.name) > 0


def test_its_section_has_a_table_and_a_chart(measure: Any, tmp_path: Path) -> None:
    """Of all that ran, against ours in Python; what could not be loaded is named."""
    report, rounds = measure("_measure.nodereport"), measure("_measure.rounds")
    times = rounds.Times()
    for name, nanoseconds in ((report.OWN, 2000.0), ("jose HS256", 5000.0), ("Auth.js", 9000.0)):
        for operation in ("encode", "decode"):
            task = rounds.Task(f"node {operation}", name, lambda _: (print, []))
            for _ in "ab":
                times.add(task, nanoseconds)
    characters = {report.OWN: 439, "jose HS256": 437, "Auth.js": 691}
    made = report.NodeReport(times, characters, {"node": "20.0.0"}, {"iron-session": "E"}, 2)
    text = made.markdown()
    assert "In Node: node 20.0.0. 2 rounds." in text
    assert "Left out: iron-session (E)." in text
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines()]
    assert ["jose HS256", *["2.50 (2.50 to 2.50)"] * 3, "437", "no"] in rows
    assert ["Auth.js", "9.0", "9.0"] in rows
    readme = f"<!-- node -->\n{text}\n<!-- node -->\n"
    (path,) = measure("_measure.charts").draw(readme, tmp_path)
    assert path.name == "node.svg"
    assert "4.50" in path.read_text()


def test_without_node_a_sentence_says_so(
    measure: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is no failure: the other benchmarks go on."""
    monkeypatch.setattr("shutil.which", lambda name: None)
    monkeypatch.setattr("sys.argv", ["node.py", "--quick"])
    measure("node").main()
    assert capsys.readouterr().out == "Left out: node is not installed.\n"


def test_a_process_that_ends_is_a_sentence(
    measure: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what npm did not install, say."""
    module = measure("_measure.nodepeers")
    monkeypatch.setattr(module, "FOLDER", tmp_path)
    with pytest.raises(module.NoNode, match="process ended"):
        module.NodePeers({}, KeyRing.generate())
