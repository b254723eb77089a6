"""`/api/runs`: look at a run, stop it."""

from fastapi import APIRouter

from penstock.api.services import Asking, Services
from penstock.api.shapes import RunShape, shape_run


def routes(services: Services) -> APIRouter:
    """Return the routes of runs."""
    router = APIRouter(prefix="/api/runs", tags=["runs"])

    @router.get("/{run_id}", operation_id="getRun")
    async def get_run(run_id: str, actor: Asking) -> RunShape:
        """Return a run."""
        return shape_run(await services.runs.get(actor, run_id))

    @router.post("/{run_id}/stop", operation_id="stopRun")
    async def stop_run(run_id: str, actor: Asking) -> RunShape:
        """Stop a run; it answers once the partial text is stored. One that waits in line ends without being asked.

        A run that is over is left as it is (409 `run_over`, with its `status`).
        """
        return shape_run(await services.runs.stop(actor, run_id))

    return router
