"""What a batch run does with each key of a step."""

from __future__ import annotations

import threading

import pytest

from tasks.connections.problems import Refused


def statuses(finished):
    return {name: outcome.status for name, outcome in finished.outcomes.items()}


def test_a_run_passes_frames_from_step_to_step_and_journals_them(project):
    finished = project.run(
        "plain",
        """
        params: {close: {default: 20.0, min: 1}}
        steps:
          prices: {task: read_some, with: {close: $close}}
          returns: {task: compute_some, in: prices}
        output: returns
        """,
        {"close": "30"},
    )
    assert finished.status == "completed"
    assert finished.outcomes["returns"].frames[None]["return"].tolist() == [0.3, 0.3, 0.3]
    with project.journal as journal:
        run = journal.run(finished.id)
        assert run.status == "completed"
        steps = {step.step: step for step in run.steps}
        assert steps["prices"].arguments["close"] == 30.0
        (given,) = steps["returns"].inputs
        assert given.frame == steps["prices"].outputs[None]
        assert journal.frame(steps["returns"].outputs[None]).equals(finished.outcomes["returns"].frames[None])


def test_connections_open_at_first_use_and_close_with_the_run(project, world):
    project.run("plain", "steps:\n  a: {task: read_some}\n  b: {task: read_some}\n")
    assert sorted(world.calls) == ["close", "open", "read_some", "read_some"]


@pytest.mark.parametrize("failures", [1, 2])
def test_a_passing_failure_is_tried_again(project, world, failures):
    world.failures = failures
    finished = project.run(
        "again",
        """
        steps:
          prices: {task: read_some}
          same: {task: fail_some, in: prices, retry: {times: 2, delay: 1ms, backoff: 2}}
        """,
    )
    assert finished.status == "completed"
    assert finished.outcomes["same"].attempts == failures + 1


def test_when_the_attempts_are_used_up_the_step_fails_and_blocks_only_what_needs_it(project, world):
    world.failures = 9
    finished = project.run(
        "again",
        """
        steps:
          prices: {task: read_some}
          same: {task: fail_some, in: prices, retry: {times: 2, delay: 1ms}}
          blocked: {task: compute_some, in: same}
          ordered: {task: compute_some, in: prices, after: [same]}
          other: {task: compute_some, in: prices}
        """,
    )
    assert world.calls.count("fail_some") == 3
    assert statuses(finished) == {
        "prices": "completed", "same": "failed", "blocked": "blocked", "ordered": "blocked", "other": "completed",
    }  # fmt: skip
    with project.journal as journal:
        run = journal.run(finished.id)
        assert run.status == "failed"
        assert "It is away." in run.error


def test_data_errors_are_never_tried_again(project, world):
    world.failures = 9
    text = """
        steps:
          prices: {task: read_some}
          same: {task: fail_some, in: prices, with: {retryable: false}, retry: {times: 5, delay: 1ms}}
        """
    assert project.run("wrong", text).outcomes["same"].attempts == 1
    assert world.calls.count("fail_some") == 1


def test_effects_are_not_tried_again_by_the_defaults_but_by_their_own_retry(project, world):
    world.failures = 1
    text = """
        defaults: {retry: {times: 3, delay: 1ms}}
        steps:
          prices: {task: read_some}
          do: {task: act, in: prices%s}
        """
    assert project.run("effect", text % "").outcomes["do"].status == "failed"
    world.failures = 1
    assert project.run("effect2", text % ", retry: {times: 1, delay: 1ms}").outcomes["do"].status == "completed"


def test_a_step_past_its_deadline_is_abandoned_and_can_send_nothing_any_more(project, world):
    world.release = threading.Event()
    finished = project.run(
        "slow", "steps:\n  prices: {task: read_some}\n  slow: {task: wait_long, in: prices, timeout: 50ms}\n"
    )
    assert finished.outcomes["slow"].status == "failed"
    assert "timeout of 0.05 s" in finished.outcomes["slow"].reason
    world.release.set()
    for thread in threading.enumerate():
        if thread.name == "step slow":
            thread.join(5)
    assert world.late == ["an order was not sent: its step is past its deadline."]


def test_when_and_not_when_by_rows_and_a_skip_passes_only_through_required_inputs(project):
    finished = project.run(
        "when",
        """
        steps:
          prices: {task: read_some}
          none: {task: read_some, with: {con_ids: []}}
          yes: {task: compute_some, in: prices, when: prices}
          no: {task: carry_on, in: prices, when: none}
          not_none: {task: compute_some, in: prices, when: not none}
          not_some: {task: compute_some, in: prices, when: not prices}
          needs: {task: compute_some, in: no}
          may_do_without: {task: compute_some, in: {prices: prices, extra: no}}
          of_skipped: {task: compute_some, in: prices, when: no}
          after_skipped: {task: compute_some, in: prices, after: [no]}
        """,
    )
    assert statuses(finished) == {
        "prices": "completed", "none": "completed", "yes": "completed", "no": "skipped", "not_none": "completed",
        "not_some": "skipped", "needs": "skipped", "may_do_without": "completed", "of_skipped": "skipped",
        "after_skipped": "completed",
    }  # fmt: skip
    assert finished.outcomes["may_do_without"].notes == ("alone",)
    assert finished.outcomes["no"].reason == "`none` has no rows"


def test_a_task_with_several_frames_is_read_by_field(project):
    finished = project.run(
        "fields",
        """
        steps:
          prices: {task: read_some}
          halves: {task: split_some, in: prices}
          upper: {task: compute_some, in: halves.high}
          skipped: {task: compute_some, in: halves.low, when: not halves.low}
        output: halves.low
        """,
    )
    assert finished.outcomes["upper"].frames[None]["con_id"].tolist() == [2, 3]
    assert finished.outcomes["skipped"].status == "skipped"


def test_each_over_a_mapping_of_lists_is_their_product_and_rows_are_put_together(project):
    finished = project.run(
        "each",
        """
        params: {ids: {default: [4, 5, 6]}}
        steps:
          prices: {task: one_contract, each: {con_id: $ids, close: [7.0]}}
          returns: {task: compute_some, in: prices}
        """,
    )
    frame = finished.outcomes["prices"].frames[None]
    assert frame["con_id"].tolist() == [4, 5, 6]
    assert frame["symbol"].tolist() == ["S4", "S5", "S6"]
    assert set(finished.outcomes) == {"prices[4,7.0]", "prices[5,7.0]", "prices[6,7.0]", "prices", "returns"}


def test_each_over_a_list_of_mappings_takes_them_as_given_and_a_failed_item_blocks_the_whole(project):
    text = """
        steps:
          prices: {task: one_contract, each: [{con_id: 1, close: 2.0}, {con_id: %s, close: 3.0}]}
          returns: {task: compute_some, in: prices}
        """
    good = project.run("each", text % 2)
    assert good.outcomes["returns"].frames[None]["return"].tolist() == [0.02, 0.03]
    bad = project.run("each", text % 13)
    assert bad.outcomes["prices[13,3.0]"].status == "failed"
    assert statuses(bad)["prices"] == statuses(bad)["returns"] == "blocked"
    same = project.run("each", text % 1)
    assert "not unique" in same.outcomes["prices"].reason


def test_a_pipeline_inlines_another_with_its_own_parameters(project):
    project.write(
        "inner",
        """
        params: {con_id: 1, close: 1.0}
        steps:
          price: {task: one_contract, with: {con_id: $con_id, close: $close}}
          same: {task: carry_on, in: price}
        output: same
        """,
    )
    finished = project.run(
        "outer",
        """
        params: {close: 5.0}
        steps:
          one: {pipeline: inner, with: {close: $close}}
          many: {pipeline: inner, each: {con_id: [7, 8]}, with: {close: $close}}
          returns: {task: compute_some, in: many}
        """,
    )
    assert finished.outcomes["one"].frames[None][["con_id", "close"]].values.tolist() == [[1, 5.0]]
    assert finished.outcomes["many[8]/same"].status == "completed"
    assert finished.outcomes["returns"].frames[None]["con_id"].tolist() == [7, 8]


def test_last_is_the_output_of_the_latest_run_of_an_earlier_session(project, world):
    text = """
        steps:
          prices: {task: read_some, with: {con_ids: [1]}}
          sums: {task: carry_on, in: prices, last: {previous: sums}}
        """
    closes = []
    for moment in ("2022-12-23T20:00Z", "2022-12-27T20:00Z", "2022-12-28T20:00Z", "2022-12-28T20:30Z"):
        world.clock = type(world.clock)(moment)
        closes += project.run("sums", text).outcomes["sums"].frames[None]["close"].tolist()
    assert closes == [10.0, 20.0, 30.0, 30.0]


def test_on_failure_runs_once_and_hides_nothing(project, world):
    text = """
        steps:
          prices: {task: read_some}
          bad: {task: break_schema, in: prices}
        on_failure: {task: act, with: {to: $run.pipeline is down}}
        """
    finished = project.run("down", text)
    assert finished.status == "failed"
    assert world.calls[-2] == "act down is down"
    assert list(finished.failures) == ["bad"]


def test_a_frame_that_breaks_its_schema_mid_run_is_reported_and_what_came_before_is_kept(project):
    finished = project.run("broken", "steps:\n  prices: {task: read_some}\n  bad: {task: break_schema, in: prices}\n")
    reason = finished.outcomes["bad"].reason
    assert "step `bad` (task `break_schema`) broke schema Prices" in reason
    assert "`close` fails greater_than(0) in 3 of 3 rows: con_id=1, session=2022-12-27 00:00:00, close=-10.0" in reason
    with project.journal as journal:
        steps = {step.step: step for step in journal.run(finished.id).steps}
        assert len(journal.frame(steps["prices"].outputs[None])) == 3
        assert steps["bad"].error == reason


def test_what_the_producers_schema_does_not_promise_is_checked_where_it_is_asked_for(project):
    text = """
        params: {close: 10.0}
        steps:
          prices: {task: read_some, with: {close: $close}}
          cheap: {task: take_cheap, in: prices}
        """
    assert project.run("cheap", text).status == "completed"
    failed = project.run("cheap", params={"close": "20"}).outcomes["cheap"]
    assert "input `prices` from `prices` broke schema CheapPrices" in failed.reason
    assert "less_than(15)" in failed.reason


def test_the_same_pipeline_twice_at_once_is_refused_and_another_is_not(project, world):
    world.release = threading.Event()
    text = "steps:\n  prices: {task: read_some}\n  slow: {task: wait_long, in: prices}\n"
    done = []
    thread = threading.Thread(target=lambda: done.append(project.run("slow", text)))
    thread.start()
    while "read_some" not in world.calls:
        thread.join(0.01)
    with pytest.raises(Refused, match="slow is already running on this desk"):
        project.run("slow")
    assert project.run("other", "steps:\n  prices: {task: read_some}\n").status == "completed"
    world.release.set()
    thread.join(10)
    assert done[0].status == "completed"
    assert project.run("slow").status == "completed"


def test_overlap_queue_waits_for_its_turn(project, world):
    world.release = threading.Event()
    text = "overlap: queue\nsteps:\n  prices: {task: read_some}\n  slow: {task: wait_long, in: prices}\n"
    project.write("slow", text)
    done = []
    threads = [threading.Thread(target=lambda: done.append(project.run("slow"))) for _ in range(2)]
    for thread in threads:
        thread.start()
    world.release.set()
    for thread in threads:
        thread.join(20)
    assert [finished.status for finished in done] == ["completed", "completed"]


def test_values_reach_a_task_as_its_types_have_them(project):
    finished = project.run(
        "typed",
        """
        params: {wait: {default: 90s}}
        steps:
          typed: {task: take_typed, with: {wait: $wait, day: $run.session, share: 1}}
        """,
    )
    assert finished.outcomes["typed"].notes == ("datetime.timedelta(seconds=90) datetime.date(2022, 12, 28) 1.0",)
