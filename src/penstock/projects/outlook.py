"""What a model would be shown of a project if the next version were asked for now, and what not, and why (E6)."""

import asyncio

import sqlalchemy as sa

from penstock.actor import Actor, IdentityId
from penstock.chats import store as chats
from penstock.chats.model import Chat
from penstock.db.database import Database
from penstock.keys.service import KeyService
from penstock.projects import store
from penstock.projects.model import VersionEmpty
from penstock.projects.request import HISTORY, Demand, Request, load_base, nonce_for, request_version
from penstock.providers.base import Model
from penstock.providers.router import Router


class ProjectOutlook:
    """Looks ahead without asking anybody."""

    def __init__(self, database: Database, router: Router, keys: KeyService) -> None:
        """Take where projects are stored, and what is known of models and keys."""
        self._database = database
        self._router = router
        self._keys = keys

    async def look(
        self, owner: IdentityId, project_id: str, prompt: str, *, base_id: str | None = None, model: str | None = None
    ) -> tuple[Model, Request]:
        """Return the model and what it would be asked, but for the nonce, which is another one each time.

        Where no base is named it is the head; of a version that is being made nobody knows the files yet. Raises
        ProjectNotFound, VersionNotFound, VersionEmpty or UnknownModel.
        """
        actor = Actor(owner)

        def load(connection: sa.Connection) -> tuple[Chat, Demand]:
            project = store.get_project(connection, actor, project_id)
            chat = chats.get_chat(connection, actor, project.chat_id)
            named = base_id or project.head_id
            base = store.get_version(connection, actor, project.id, named) if named else None
            if base is not None and base.manifest_id is None:
                raise VersionEmpty
            leaf_id = base.message_id if base and base.id != project.head_id else chat.leaf_id
            return chat, Demand(
                project=project,
                locks=store.locks_of(connection, project.id),
                base=load_base(connection, base),
                history=chats.list_path(connection, leaf_id, HISTORY) if leaf_id else [],
                prompt=prompt,
            )

        chat, demand = await self._database.read(actor, load)
        own = await self._keys.providers(owner)
        asked = self._router.resolve(model or chat.model or await self._router.default(own), own)
        # Choosing among thousands of files takes its time.
        nonce = nonce_for(demand, project_id)
        return asked, await asyncio.to_thread(request_version, demand, asked, nonce)
