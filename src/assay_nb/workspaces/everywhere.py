"""Every workspace, for the operator, who is a member of none and acts on the database itself."""

from __future__ import annotations

from assay_nb.errors import WorkspaceNotFound, WrongUsage
from assay_nb.store import workspace_rows as rows
from assay_nb.store.workspace_rows import Workspace
from assay_nb.workspaces.membership import Workspaces
from assay_nb.workspaces.names import normalize, parse_id, shown
from assay_nb.workspaces.roles import Action


class EveryWorkspace(Workspaces):
    """The workspaces of all people, each as its owner has it."""

    def get(self, user: str, name_or_id: str | bytes) -> Workspace:
        """Return a team workspace by its name, or any by its id.

        Raises:
            WorkspaceNotFound: If there is none.
        """
        if isinstance(name_or_id, bytes):
            name, workspace_id = "", name_or_id
        else:
            name, workspace_id = normalize(name_or_id), parse_id(name_or_id)
        with self._database.read() as connection:
            found = rows.find_any_workspace(connection, name, workspace_id)
        if found is None:
            wanted = name_or_id.hex() if isinstance(name_or_id, bytes) else shown(name)
            raise WorkspaceNotFound(
                f"There is no team workspace '{wanted}'.",
                hint="`assay-nb-operator workspace list` shows all. A personal one goes by its id.",
            )
        return found

    def active(self, user: str) -> Workspace:
        """Refuse to guess: an operator names the workspace.

        Raises:
            WrongUsage: Always.
        """
        raise WrongUsage(
            "An operator works in no workspace of their own.", hint="Name one: `-w WORKSPACE`."
        )

    def find_active(self, user: str) -> Workspace | None:
        """Refuse to guess, as `active` does."""
        return self.active(user)

    def authorize(self, user: str, name_or_id: str | bytes, action: Action) -> Workspace:
        """Return the workspace: whoever acts on the database may do everything in it."""
        return self.get(user, name_or_id)
