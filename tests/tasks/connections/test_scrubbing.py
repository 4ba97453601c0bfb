"""What is said holds no secret, in whichever form a driver quotes it."""

from __future__ import annotations

import pickle

import pytest

from tasks.connections.problems import Problem
from tasks.connections.scrubbing import scrubbed

ADDRESS = "postgresql+psycopg://desk:tr0ub4dor&3@db.example.com:5432/hedges?sslpassword=swordfish&connect_timeout=10"


@pytest.fixture(autouse=True)
def held(monkeypatch):
    monkeypatch.setenv("HEDGEROW_SECRET_DATABASE", ADDRESS)
    monkeypatch.setenv("HEDGEROW_SECRET_CHAT", "https://hooks.example.com/services/T0AB/B0CD/Zk3lPqRsTuVwXyZ")
    monkeypatch.setenv("HEDGEROW_SECRET_PASSWORD", 'it\'s \\ a "secret"')
    monkeypatch.setenv("HEDGEROW_SECRET_PIN", "42")


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        (f"can't reach {ADDRESS}.", "can't reach $secret.database."),
        ("FATAL: login tr0ub4dor&3 refused", "FATAL: login $secret.database refused"),
        ("login tr0ub4dor%263 refused", "login $secret.database refused"),
        ("for desk:tr0ub4dor&3@db.example.com", "for $secret.database@db.example.com"),
        ("sslpassword=swordfish", "sslpassword=$secret.database"),
        ("POST /services/T0AB/B0CD/Zk3lPqRsTuVwXyZ: 403", "POST /services/T0AB/B0CD/$secret.chat: 403"),
        (f"{ValueError('it' + chr(39) + 's ' + chr(92) + ' a ' + chr(34) + 'secret' + chr(34))!r}", "$secret.password"),
    ],
)
def test_a_secret_and_the_parts_of_an_address_that_tell_it_stand_by_their_names(said, wanted):
    assert wanted in scrubbed(said)
    assert not any(part in scrubbed(said) for part in ("tr0ub4dor", "swordfish", "Zk3lPqRs", 'secret"'))


def test_where_an_address_leads_is_still_told():
    assert scrubbed("db.example.com:5432 refused, hedges, connect_timeout=10") == (
        "db.example.com:5432 refused, hedges, connect_timeout=10"
    )
    assert scrubbed("hooks.example.com is away; 42 rows") == "hooks.example.com is away; 42 rows"


def test_a_password_cut_in_two_by_a_sign_of_its_own_is_found_in_both_halves(monkeypatch):
    monkeypatch.setenv("HEDGEROW_SECRET_DATABASE", "postgresql://desk:first@second/third@db.example.com/hedges")
    said = scrubbed('could not translate host name "second" for first, or third')
    assert said == 'could not translate host name "$secret.database" for $secret.database, or $secret.database'


def test_a_problem_never_tells_one_even_after_it_came_from_another_process():
    problem = Problem("The server said tr0ub4dor&3.", "Mend swordfish.")
    for told in (problem, pickle.loads(pickle.dumps(problem))):  # noqa: S301 - our own bytes
        assert str(told) == "The server said $secret.database. Mend $secret.database."
        assert told.reason == "The server said $secret.database."


def test_a_mail_servers_name_is_told_though_recipients_stand_in_its_address(monkeypatch):
    address = "mailtos://desk:hunter2-planted@mail.example.com:587?from=a@b.example&to=c@d.example"
    monkeypatch.setenv("HEDGEROW_SECRET_MAIL", address)
    assert scrubbed("mail.example.com:587 refuses hunter2-planted") == "mail.example.com:587 refuses $secret.mail"
    assert scrubbed(f"as {address}") == "as $secret.mail"
