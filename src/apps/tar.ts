import { createHash } from 'node:crypto'

/** A member of a tar archive; a hard link names another member or a file that is there already. */
export interface TarMember {
  readonly path: string
  readonly type: 'file' | 'directory' | 'symlink' | 'hardlink'
  readonly mode?: number
  readonly mtime?: number
  readonly content?: Uint8Array
  readonly target?: string
}

/** The archive as GNU tar reads it, root's; long names as it writes them, so no locale matters. */
export function tar(members: readonly TarMember[]): Uint8Array {
  const blocks = members.flatMap((member) => {
    const { path, type, target = '', content = nothing } = member
    return [
      ...longName('L', path),
      ...longName('K', target),
      header(path, typeflags[type], target, content.length, member.mode, member.mtime),
      content,
      padding(content.length),
    ]
  })
  return Buffer.concat([...blocks, Buffer.alloc(1024)])
}

/**
 * The time of a file is made of its content: the same on all hosts and in all releases, and another
 * once the content is. So an ETag that a server makes of time and size is right everywhere.
 */
export function timeOf(hash: string): number {
  return 1_000_000_000 + (Number.parseInt(hash.slice(0, 8), 16) % 500_000_000)
}

export function sha256(content: Uint8Array | string): string {
  return createHash('sha256').update(content).digest('hex')
}

const nothing = new Uint8Array()
const typeflags = { file: '0', hardlink: '1', symlink: '2', directory: '5' } as const
const field = 100

function longName(typeflag: string, name: string): Uint8Array[] {
  const bytes = Buffer.from(`${name}\0`)
  if (bytes.length <= field) return []
  return [header('././@LongLink', typeflag, '', bytes.length), bytes, padding(bytes.length)]
}

function header(
  path: string,
  typeflag: string,
  target: string,
  size: number,
  mode = 0o644,
  mtime = 1_000_000_000,
): Uint8Array {
  const block = Buffer.alloc(512)
  const octal = (value: number, at: number, length: number): void => {
    // From 8 GiB on a number no longer fits in octal digits.
    if (value >= 8 ** (length - 1)) throw new RangeError(`too big for tar: ${value}`)
    block.write(value.toString(8).padStart(length - 1, '0'), at, 'latin1')
  }
  Buffer.from(path).copy(block, 0, 0, field)
  octal(mode, 100, 8)
  octal(0, 108, 8)
  octal(0, 116, 8)
  octal(size, 124, 12)
  octal(mtime, 136, 12)
  block.write(' '.repeat(8), 148, 'latin1')
  block.write(typeflag, 156, 'latin1')
  Buffer.from(target).copy(block, 157, 0, field)
  block.write('ustar  \0', 257, 'latin1')
  const sum = block.reduce((total, byte) => total + byte, 0)
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return block
}

function padding(length: number): Uint8Array {
  return Buffer.alloc((512 - (length % 512)) % 512)
}
