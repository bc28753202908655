import { type Shell, sh } from '../base/shell.ts'

/** What kinds want to know of units, so that one `systemctl` tells all of it. */
const properties = 'Id,Names,LoadState,ActiveState,SubState,UnitFileState,NeedDaemonReload'

/**
 * Prints a block of properties for each unit, in their order, with an empty line between two; of a
 * pattern such as `job@*.service`, one for each loaded unit that it matches. Nothing without systemd.
 */
export const showUnits = (units: readonly string[]): Shell =>
  sh`systemctl show -p ${properties} -- ${units} 2>/dev/null`

/** The blocks of `showUnits`. */
export function unitBlocks(output: string): string[] {
  return output.split(/\n\n+/).filter((each) => /^LoadState=/m.test(each))
}

/** The properties of one unit, from its block. */
export function propertiesOf(block: string): Map<string, string> {
  return new Map(
    block.split('\n').flatMap((row) => {
      const at = row.indexOf('=')
      return at < 0 ? [] : [[row.slice(0, at), row.slice(at + 1)] as const]
    }),
  )
}
