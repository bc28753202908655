import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, test as base, inject, type TestAPI } from 'vitest'
import type { Output } from '../../src/lab/container-engine.ts'
import { usualSuite } from '../../src/lab/image.ts'
import { Lab, type LabHost } from '../../src/lab/lab.ts'
import { owner } from '../../src/lab/owner.ts'
import type { Target } from '../../src/transport/target.ts'

/** Why there is no lab here, for the name of a skipped suite; empty when there is one. */
export const labMissing: string = inject('labMissing') ?? 'the global setup did not run'
/** For `describe.skipIf(!labAvailable)`. */
export const labAvailable: boolean = labMissing === ''

/** Debian's release that hosts run where a test asks for no other. */
export const labSuite: string = usualSuite
/** Its number. */
export const labVersion: string = { bookworm: '12', trixie: '13' }[labSuite] ?? 'unknown'

/** A throwaway host of one test. */
export interface TestHost {
  readonly name: string
  readonly target: Target
  readonly container: string
  /** As root, through the container engine: no ssh, so a test can look at what ssh did. */
  exec(script: string, input?: string | Buffer): Promise<Output>
  reset(): Promise<void>
  /** The host hangs: connections stay open and nothing answers. */
  pause(): Promise<void>
  resume(): Promise<void>
  /** The host loses its power; `start` boots it with its disk as it was. */
  stop(): Promise<void>
  start(): Promise<void>
}

/** Boots fresh hosts web1, web2, ... A later call boots further ones in the same network. */
export type Boot = (count?: number, suite?: string) => Promise<TestHost[]>

/** A test whose hosts are its own and are gone after it. */
export const test: TestAPI<{ boot: Boot }> = base.extend<{ boot: Boot }>({
  // oxlint-disable-next-line no-empty-pattern -- Vitest reads the wanted fixtures off the pattern
  boot: async ({}, use) => {
    const hosts = new ThrowawayLab()
    try {
      await use((count, suite) => hosts.boot(count, suite))
    } finally {
      await hosts.remove()
    }
  },
})

/**
 * Hosts that all tests of a file share, booted before the first of them. The answer is a function,
 * since there are no hosts yet when the file is read: `const hosts = bootForFile(2)`, and in a
 * test `const [web1, web2] = hosts()`.
 */
export function bootForFile(count = 1): () => TestHost[] {
  const lab = new ThrowawayLab()
  let hosts: TestHost[] | undefined
  beforeAll(async () => {
    if (labAvailable) hosts = await lab.boot(count)
  })
  afterAll(() => lab.remove())
  return () => {
    if (!hosts)
      throw new Error(`There are no lab hosts: ${labMissing || 'they have not booted yet'}`)
    return hosts
  }
}

class ThrowawayLab {
  #lab: Promise<Lab> | undefined
  #folder: string | undefined
  #count = 0

  async boot(count = 1, suite = labSuite): Promise<TestHost[]> {
    const lab = await (this.#lab ??= this.#open())
    const names = Array.from({ length: count }, (_, i) => `web${this.#count + i + 1}`)
    this.#count += count
    return (await lab.up(names, suite)).map((host) => asTestHost(lab, host))
  }

  async remove(): Promise<void> {
    if (!this.#lab) return
    await (await this.#lab).down()
    if (this.#folder) await rm(this.#folder, { recursive: true, force: true })
  }

  async #open(): Promise<Lab> {
    this.#folder = await mkdtemp(join(tmpdir(), 'fettle-test-'))
    return Lab.open(this.#folder, undefined, owner())
  }
}

function asTestHost(lab: Lab, { name, target, container }: LabHost): TestHost {
  return {
    name,
    target,
    container,
    exec: (script, input) => lab.exec(name, script, input),
    reset: async () => void (await lab.reset([name])),
    pause: () => lab.cut(name),
    resume: () => lab.restore(name),
    stop: () => lab.stop(name),
    start: async () => void (await lab.up([name])),
  }
}
