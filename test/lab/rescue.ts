import { lines, sh } from '../../src/base/shell.ts'
import { reveal } from '../../src/base/secret.ts'
import type { LockOut } from '../../src/model/kind.ts'
import type { TestHost } from './fixture.ts'

/** Saves what `lockOut` names, breaks the host, and puts back what was saved. Gives what that printed. */
export async function rescue(host: TestHost, lockOut: LockOut, harm: string): Promise<string> {
  const { paths, save, restore } = lockOut
  const run = async (script: string): Promise<string> => {
    const { code, output } = await host.exec(script)
    if (code !== 0) throw new Error(`${script.slice(0, 200)}...: ${output}`)
    return output
  }
  const kept = '/run/rescue'
  await run(
    reveal(
      lines(
        sh`rm -rf ${kept} && mkdir ${kept}`,
        ...paths.map((path, i) => sh`[ ! -e ${path} ] || cp -a -- ${path} ${`${kept}/${i}`}`),
        sh`( ${save ?? sh`:`}
) > ${`${kept}/saved`}`,
      ).text,
    ),
  )
  await run(harm)
  return run(
    reveal(
      lines(
        ...paths.map(
          (path, i) =>
            sh`rm -rf -- ${path}; [ ! -e ${`${kept}/${i}`} ] || cp -a -- ${`${kept}/${i}`} ${path}`,
        ),
        sh`( ${restore ?? sh`:`}
) < ${`${kept}/saved`} 2>&1; :`,
      ).text,
    ),
  )
}
