"""Projects: what is built by talking, and every version of it.

A version is one manifest, a list of paths with the ids of their contents, and never changes once it has ended. Contents
are stored once for each project, by their hash: nothing is shared between projects, so that each can be deleted, moved
to another owner and looked through by itself. What can be derived, changes and patches with a snapshot at every tenth,
stands in tables of its own.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0014"
down_revision = "0013"

Id = sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql")
Big = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

_TABLES = (
    "project",
    "blob",
    "manifest",
    "version",
    "version_change",
    "version_patch",
    "version_check",
    "file_lock",
    "staged_file",
)


def upgrade() -> None:
    """Make the tables and, on Postgres, their policies."""
    _make_projects()
    _make_contents()
    _make_versions()
    _make_parts_of_versions()
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "COMMENT ON COLUMN chat.origin IS 'completion: made for a program; project: it builds; both are in no list;"
            " none: a person''s'"
        )
        mine = "owner_id = nullif(current_setting('penstock.actor', true), '')::uuid"
        for table in _TABLES:
            op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
            op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
            op.execute(f"CREATE POLICY owner_only ON {table} TO penstock_app USING ({mine}) WITH CHECK ({mine})")
            op.execute(f"CREATE POLICY system_all ON {table} TO penstock_system USING (true) WITH CHECK (true)")
            op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO penstock_app, penstock_system")


def _make_projects() -> None:
    op.create_table(
        "project",
        sa.Column("id", Id, nullable=False),
        sa.Column("owner_id", Id, nullable=False),
        sa.Column("chat_id", Id, nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("stack", sa.String(length=16), nullable=False, comment="python, node"),
        sa.Column("head_id", Id, nullable=True, comment="the version that the next one follows"),
        sa.Column("good_id", Id, nullable=True, comment="the last head that was ready"),
        sa.Column("rev", sa.Integer(), nullable=False, server_default="0", comment="counts the moves of the head"),
        sa.Column("last_ordinal", sa.Integer(), nullable=False, server_default="0", comment="none is given twice"),
        sa.Column("garbage_at", Big, nullable=True, comment="since then it may hold what nothing needs any more"),
        sa.Column("created_at", Big, nullable=False),
        sa.Column("updated_at", Big, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_project"),
        sa.ForeignKeyConstraint(["chat_id"], ["chat.id"], name="fk_project_chat_id", ondelete="CASCADE"),
        sa.UniqueConstraint("chat_id", name="uq_project_chat_id"),
    )
    op.create_index("ix_project_owner_id_updated_at_id", "project", ["owner_id", "updated_at", "id"])
    op.create_index(
        "ix_project_garbage_at",
        "project",
        ["garbage_at"],
        sqlite_where=sa.text("garbage_at IS NOT NULL"),
        postgresql_where=sa.text("garbage_at IS NOT NULL"),
    )
    op.create_table(
        "file_lock",
        sa.Column("project_id", Id, nullable=False),
        sa.Column("path", sa.String(length=300), nullable=False, comment="of a file or a folder, or a pattern"),
        sa.Column("owner_id", Id, nullable=False),
        sa.Column("created_at", Big, nullable=False),
        sa.PrimaryKeyConstraint("project_id", "path", name="pk_file_lock"),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name="fk_file_lock_project_id", ondelete="CASCADE"),
        sqlite_with_rowid=False,
    )


def _make_contents() -> None:
    op.create_table(
        "blob",
        sa.Column("id", Big, sa.Identity(), nullable=False),
        sa.Column("project_id", Id, nullable=False),
        sa.Column("owner_id", Id, nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("is_binary", sa.Boolean(), nullable=False),
        sa.Column("created_at", Big, nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False, comment="zlib"),
        sa.PrimaryKeyConstraint("id", name="pk_blob"),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name="fk_blob_project_id", ondelete="CASCADE"),
        sa.UniqueConstraint("project_id", "sha256", name="uq_blob_project_id_sha256"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "manifest",
        sa.Column("id", Big, sa.Identity(), nullable=False),
        sa.Column("project_id", Id, nullable=False),
        sa.Column("owner_id", Id, nullable=False),
        sa.Column(
            "sha256", sa.String(length=64), nullable=False, comment="of all paths with the hashes of their contents"
        ),
        sa.Column("file_count", sa.Integer(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False, comment="bytes of all files"),
        sa.Column("created_at", Big, nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False, comment="zlib: a path and the id of a blob a line"),
        sa.PrimaryKeyConstraint("id", name="pk_manifest"),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name="fk_manifest_project_id", ondelete="CASCADE"),
        sa.UniqueConstraint("project_id", "sha256", name="uq_manifest_project_id_sha256"),
        sqlite_autoincrement=True,
    )


def _make_versions() -> None:
    op.create_table(
        "version",
        sa.Column("id", Id, nullable=False),
        sa.Column("project_id", Id, nullable=False),
        sa.Column("owner_id", Id, nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("parent_id", Id, nullable=True, comment="the version whose files it begins with"),
        sa.Column("base_rev", sa.Integer(), nullable=False, comment="of the project, when it was begun"),
        sa.Column("origin", sa.String(length=16), nullable=False, comment="prompt, regenerate, retry, repair, restore"),
        sa.Column(
            "source_id", Id, nullable=True, comment="the version that it makes anew, goes on with, repairs or restores"
        ),
        sa.Column("run_id", Id, nullable=True, comment="none of a restored one"),
        sa.Column("message_id", Id, nullable=True, comment="the answer that tells of it"),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("manifest_id", Big, nullable=True, comment="none until its files are all there"),
        sa.Column(
            "chain", sa.Integer(), nullable=True, comment="patches behind the last snapshot; none: not derived yet"
        ),
        sa.Column("title", sa.String(length=200), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("pinned", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("model", sa.String(length=200), nullable=True),
        sa.Column("error_code", sa.String(length=64), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("error_retryable", sa.Boolean(), nullable=True),
        sa.Column("idempotency_key", sa.String(length=200), nullable=True),
        sa.Column("fingerprint", sa.String(length=64), nullable=True, comment="of what was asked for under that key"),
        sa.Column("created_at", Big, nullable=False),
        sa.Column("committed_at", Big, nullable=True, comment="since then its files are all there"),
        sa.Column("ended_at", Big, nullable=True, comment="since then nothing of it changes"),
        sa.PrimaryKeyConstraint("id", name="pk_version"),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name="fk_version_project_id", ondelete="CASCADE"),
        sa.UniqueConstraint("run_id", name="uq_version_run_id"),
        sa.UniqueConstraint("project_id", "ordinal", name="uq_version_project_id_ordinal"),
        sa.UniqueConstraint("owner_id", "idempotency_key", name="uq_version_owner_id_idempotency_key"),
        sa.CheckConstraint(
            "origin IN ('prompt', 'regenerate', 'retry', 'repair', 'restore')", name=op.f("ck_version_origin")
        ),
        sa.CheckConstraint(
            "status IN ('generating', 'validating', 'ready', 'ready_with_errors', 'not_validated', 'failed',"
            " 'stopped')",
            name=op.f("ck_version_status"),
        ),
    )
    op.create_index(
        "ix_version_underived",
        "version",
        ["project_id", "ordinal"],
        sqlite_where=sa.text("chain IS NULL AND ended_at IS NOT NULL AND manifest_id IS NOT NULL"),
        postgresql_where=sa.text("chain IS NULL AND ended_at IS NOT NULL AND manifest_id IS NOT NULL"),
    )


def _make_parts_of_versions() -> None:
    op.create_table(
        "version_change",
        sa.Column("version_id", Id, nullable=False),
        sa.Column("path", sa.String(length=300), nullable=False),
        sa.Column("owner_id", Id, nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False, comment="added, modified, deleted, renamed"),
        sa.Column("old_path", sa.String(length=300), nullable=True),
        sa.Column("additions", sa.Integer(), nullable=True, comment="lines; none of a binary file"),
        sa.Column("deletions", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("version_id", "path", name="pk_version_change"),
        sa.ForeignKeyConstraint(
            ["version_id"], ["version.id"], name="fk_version_change_version_id", ondelete="CASCADE"
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "version_patch",
        sa.Column("version_id", Id, nullable=False),
        sa.Column("owner_id", Id, nullable=False),
        sa.Column(
            "base_id", Id, nullable=True, comment="the version that it changes; none: a snapshot, which stands alone"
        ),
        sa.Column("sha256", sa.String(length=64), nullable=False, comment="of the data"),
        sa.Column("data", sa.LargeBinary(), nullable=False, comment="see projects/patches.py"),
        sa.PrimaryKeyConstraint("version_id", name="pk_version_patch"),
        sa.ForeignKeyConstraint(["version_id"], ["version.id"], name="fk_version_patch_version_id", ondelete="CASCADE"),
    )
    op.create_table(
        "version_check",
        sa.Column("version_id", Id, nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False, comment="counts repairs: 0 is the first"),
        sa.Column(
            "stage", sa.String(length=16), nullable=False, comment="static, install, boot, contract, probe, test"
        ),
        sa.Column("owner_id", Id, nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False, comment="running, passed, failed, skipped, error"),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False, comment="diagnostics and what else was found"),
        sa.Column("manifest_id", Big, nullable=True, comment="what was checked: the same files need it once"),
        sa.Column("started_at", Big, nullable=False),
        sa.Column("ended_at", Big, nullable=True),
        sa.PrimaryKeyConstraint("version_id", "attempt", "stage", name="pk_version_check"),
        sa.ForeignKeyConstraint(["version_id"], ["version.id"], name="fk_version_check_version_id", ondelete="CASCADE"),
    )
    op.create_index("ix_version_check_manifest_id", "version_check", ["manifest_id"])
    op.create_table(
        "staged_file",
        sa.Column("version_id", Id, nullable=False),
        sa.Column("path", sa.String(length=300), nullable=False),
        sa.Column("owner_id", Id, nullable=False),
        sa.Column("blob_id", Big, nullable=True, comment="none: the file is deleted"),
        sa.Column("created_at", Big, nullable=False),
        sa.PrimaryKeyConstraint("version_id", "path", name="pk_staged_file"),
        sa.ForeignKeyConstraint(["version_id"], ["version.id"], name="fk_staged_file_version_id", ondelete="CASCADE"),
    )
