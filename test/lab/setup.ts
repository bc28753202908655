import type { TestProject } from 'vitest/node'
import { asFettleError } from '../../src/base/errors.ts'
import { ensureImage } from '../../src/lab/image.ts'
import { ensurePrerequisites } from '../../src/lab/prerequisites.ts'
import { sweep } from '../../src/lab/sweep.ts'
import { buildProgram } from '../program.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** Why there is no lab here; empty when there is one. */
    labMissing: string
  }
}

/** Before all tests: the program, whatever the lab needs, and the end of what crashed runs left. */
export default async function setup(project: TestProject): Promise<void> {
  buildProgram()
  project.provide('labMissing', await whatIsMissing())
}

async function whatIsMissing(): Promise<string> {
  const report = (line: string): void => console.error(line)
  try {
    const engine = await ensurePrerequisites(report)
    await sweep(engine)
    await ensureImage(engine, report)
    return ''
  } catch (thrown) {
    const { code, message, next } = asFettleError(thrown)
    // A machine that cannot have a lab skips its tests; a lab that broke must be seen.
    if (code !== 'lab-not-possible') throw thrown
    console.error(`Tests that need the lab are skipped. ${message} ${next}`)
    return message
  }
}
