"""One Prefect flow a pipeline: `flows.catalog.beta_hedge` is the flow of `pipelines/beta_hedge.yaml`.

What a deployment's entrypoint names. Nothing else may have a name here: it would hide a pipeline of that name.
"""


def __getattr__(name: str) -> object:
    from flows.serve.flow_run import NoSuchPipeline, flow_of

    if name.startswith("_"):
        raise AttributeError(name)
    try:
        return flow_of(name)
    except NoSuchPipeline as problem:
        raise AttributeError(str(problem)) from None
