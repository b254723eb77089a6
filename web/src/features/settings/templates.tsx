import { useState } from 'react'
import type { Me } from '@/api/client'
import { sentence } from '@/api/errors'
import type { Template } from '@/api/templates'
import { useDeleteTemplate, useTemplates } from '@/queries/templates'
import { Badge } from '@/ui/badge'
import { Button } from '@/ui/button'
import { Confirm } from '@/ui/confirm'
import { Rows } from './section'
import { TemplateForm } from './templateform'

/** Texts that one uses again and again. */
export function Templates({ me }: { me: Me }) {
  const { data, error, refetch } = useTemplates()
  const [editing, setEditing] = useState<Template | 'new'>()
  const [leaving, setLeaving] = useState<Template>()
  return (
    <div className="flex flex-col items-start gap-5">
      <Button
        icon="plus"
        data-testid="template-new"
        onClick={() => {
          setEditing('new')
        }}
      >
        New template
      </Button>
      <div className="w-full">
        <Rows items={data} error={error} onRetry={() => void refetch()} noun="templates" empty="There are none yet.">
          {(template) => (
            <Row
              template={template}
              onEdit={() => {
                setEditing(template)
              }}
              onDelete={() => {
                setLeaving(template)
              }}
            />
          )}
        </Rows>
      </div>
      {editing && (
        <TemplateForm
          template={editing === 'new' ? undefined : editing}
          mayShare={me.kind === 'owner'}
          onClose={() => {
            setEditing(undefined)
          }}
        />
      )}
      {leaving && (
        <Deletion
          template={leaving}
          onClose={() => {
            setLeaving(undefined)
          }}
        />
      )}
    </div>
  )
}

interface RowProps {
  template: Template
  onEdit: () => void
  onDelete: () => void
}

function Row({ template: { name, text, isHouse, isMine }, onEdit, onDelete }: RowProps) {
  return (
    <>
      <div className="min-w-0 flex-1 basis-48" data-testid="template">
        <p className="flex flex-wrap items-center gap-2 text-sm font-medium break-words">
          {name} {isHouse && <Badge>For everybody</Badge>}
        </p>
        <p className="mt-0.5 line-clamp-2 text-sm break-words text-muted">{text}</p>
      </div>
      {isMine && (
        <div className="flex gap-2">
          <Button aria-label={`Edit ${name}`} onClick={onEdit}>
            Edit
          </Button>
          <Button aria-label={`Delete ${name}`} onClick={onDelete}>
            Delete
          </Button>
        </div>
      )}
    </>
  )
}

function Deletion({ template, onClose }: { template: Template; onClose: () => void }) {
  const { mutate, isPending, error } = useDeleteTemplate()
  return (
    <Confirm
      title="Delete this template?"
      confirm="Delete"
      keep="Keep it"
      testId="template-delete-confirm"
      busy={isPending}
      error={error ? sentence(error) : undefined}
      onConfirm={() => {
        mutate(template.id, { onSuccess: onClose })
      }}
      onClose={onClose}
    >
      “{template.name}” will be gone. Messages that were made with it stay.
    </Confirm>
  )
}
