/** The calls about prompt templates. */
import { strict } from './client'
import * as sdk from './generated/sdk.gen'
import type {
  NewTemplate,
  TemplateChanges,
  TemplateShape as Template,
  VariableShape as Variable,
} from './generated/types.gen'

export type { NewTemplate, Template, TemplateChanges, Variable }

export async function getTemplates(signal: AbortSignal): Promise<Template[]> {
  return (await sdk.listTemplates({ ...strict, signal })).data.items
}

export async function createTemplate(body: NewTemplate): Promise<Template> {
  return (await sdk.createTemplate({ ...strict, body })).data
}

export async function updateTemplate(templateId: string, body: TemplateChanges): Promise<Template> {
  return (await sdk.updateTemplate({ ...strict, path: { template_id: templateId }, body })).data
}

export async function deleteTemplate(templateId: string): Promise<void> {
  await sdk.deleteTemplate({ ...strict, path: { template_id: templateId } })
}
