import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { copyFile, mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'

/** A git repository with the files of a prebuilt app. */
export class Repository {
  readonly #folder: string
  readonly #files: number
  readonly #size: number
  #edition = 0

  private constructor(folder: string, files: number, size: number) {
    this.#folder = folder
    this.#files = files
    this.#size = size
  }

  /** So many files, and bytes in all of them: as good as random, so nothing of them can be compressed. */
  static async make(
    folder: string,
    server: string,
    files: number,
    bytes: number,
  ): Promise<Repository> {
    const made = new Repository(folder, files, Math.round(bytes / files))
    await mkdir(folder, { recursive: true })
    made.#git('init', '-q')
    await copyFile(server, join(folder, 'server.py'))
    for (let i = 0; i < files; i++) await made.#write(i)
    made.#commit()
    return made
  }

  /** Some of its files are other ones in the next commit. */
  async change(count: number): Promise<void> {
    this.#edition++
    for (let i = 0; i < count; i++) await this.#write((this.#edition * 31 + i * 97) % this.#files)
    this.#commit()
  }

  async #write(i: number): Promise<void> {
    const path = join(this.#folder, `part${i % 20}`, `file${i}.bin`)
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, noise(`${i} ${this.#edition}`, this.#size))
  }

  #commit(): void {
    this.#git('add', '.')
    this.#git('commit', '-qm', `Edition ${this.#edition}`)
  }

  #git(...words: string[]): void {
    const who = ['-c', 'user.name=bench', '-c', 'user.email=bench@example.com']
    execFileSync('git', [...who, '-c', 'gc.auto=0', ...words], { cwd: this.#folder })
  }
}

function noise(seed: string, size: number): Buffer {
  const blocks = Array.from({ length: Math.ceil(size / 32) }, (_, i) =>
    createHash('sha256').update(`${seed} ${i}`).digest(),
  )
  return Buffer.concat(blocks).subarray(0, size)
}
