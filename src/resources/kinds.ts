import type { Kind } from '../model/kind.ts'
import { directoryKind } from './directory.ts'
import { fileKind } from './file.ts'
import { linkKind } from './link.ts'

/** Every kind of resource, by name. A further kind is one new file and one line here. */
const list: readonly Kind[] = [directoryKind, fileKind, linkKind]

export const kinds: ReadonlyMap<string, Kind> = new Map(list.map((kind) => [kind.name, kind]))
