from buildfeed.broker.mqtt.version import V5, V311, VersionChoice


def test_mqtt_5_is_asked_for_first_and_311_at_once_after_a_silence() -> None:
    choice = VersionChoice()
    assert choice.version is V5
    assert choice.silent()
    assert choice.version is V311


def test_silences_never_settle_it() -> None:
    choice = VersionChoice()
    assert [(choice.silent(), choice.version) for _ in range(4)] == [
        (True, V311),
        (False, V5),
        (True, V311),
        (False, V5),
    ]


def test_what_was_answered_is_kept_over_one_silence_but_not_two() -> None:
    choice = VersionChoice()
    choice.silent()
    choice.answered()
    assert not choice.silent()
    assert choice.version is V311
    choice.answered()
    choice.silent()
    choice.silent()
    assert choice.version is V5


def test_after_an_outage_the_newest_version_is_asked_for_again() -> None:
    choice = VersionChoice()
    choice.silent()
    choice.answered()
    choice.away()
    assert choice.version is V5
    assert choice.silent()
