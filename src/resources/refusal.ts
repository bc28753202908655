import { problem } from '../base/errors.ts'
import { callerPosition } from '../model/position.ts'
import type { Complaint } from '../model/schema.ts'

/** For what the check of a single field cannot see, such as two fields that exclude each other. */
export function refuse(id: string, field: string, complaint: Complaint): never {
  throw problem('invalid-resource', { resource: id, field, ...complaint }, { at: callerPosition() })
}
