import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Lab, type LabHost } from '../lab/lab.ts'
import { owner } from '../lab/owner.ts'
import { ensurePrerequisites } from '../lab/prerequisites.ts'
import { sweep } from '../lab/sweep.ts'

/**
 * Hosts of this process alone: they meet no lab of a person, and if the process dies the next one
 * removes them.
 */
export class ThrowawayLab {
  readonly #folder: string
  readonly #lab: Lab
  /** Whatever is being booted: it is removed only after that has ended. */
  #booting: Promise<unknown> = Promise.resolve()

  private constructor(folder: string, lab: Lab) {
    this.#folder = folder
    this.#lab = lab
  }

  static async open(report: (line: string) => void): Promise<ThrowawayLab> {
    await sweep(await ensurePrerequisites(report))
    const folder = await mkdtemp(join(tmpdir(), 'fettle-test-'))
    return new ThrowawayLab(folder, await Lab.open(folder, report, owner()))
  }

  async boot(names: readonly string[]): Promise<LabHost[]> {
    const booting = this.#lab.up(names)
    this.#booting = booting.catch(() => undefined)
    return booting
  }

  /** Adds lines to a file of a host, before anything else is made there. */
  async append(host: string, path: string, text: string): Promise<void> {
    await this.#lab.exec(host, `cat >> ${path}`, text)
  }

  async remove(): Promise<void> {
    await this.#booting
    await this.#lab.down()
    await rm(this.#folder, { recursive: true, force: true })
  }
}
