import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Secret } from '../../src/base/secret.ts'
import { type Resource, absent } from '../../src/model/resource.ts'
import { directory } from '../../src/resources/directory.ts'
import { file } from '../../src/resources/file.ts'
import { link } from '../../src/resources/link.ts'
import { made, planned, run } from '../contracts/run.ts'
import { type TestHost, bootForFile, labAvailable, labMissing } from '../lab/fixture.ts'

const characters = [...' \'"`$\\\t\n\r*?[]{}()<>|&;#~!=-%+^@:.,_0aZé«»💥\u007f\u001b\u2028']

/** Names of one part of a path: what no shell, find or stat may take for anything else. */
const names = fc
  .oneof(
    fc.string({ unit: fc.constantFrom(...characters), minLength: 1, maxLength: 24 }),
    fc.string({ unit: 'binary', minLength: 1, maxLength: 12 }),
    fc.constantFrom('-rf', '--', '-', ' ', '\n', "'", '$(reboot)', '%s%n', '%p\\0', 'end', '...'),
  )
  .filter((name) => !/[/\0]/.test(name) && !/^\.{1,2}$/.test(name))
  .filter((name) => Buffer.byteLength(name) <= 200)

describe.skipIf(!labAvailable)(
  `names and contents that mean something to others ${labMissing}`,
  () => {
    const hosts = bootForFile(1)
    const host = (): TestHost => hosts()[0]!
    const up = (resources: readonly Resource[]): ReturnType<typeof run> =>
      run([host().target], () => resources)

    /** What is below a folder: names, types and what links point to. */
    async function tree(folder: string): Promise<string[]> {
      // Through base64, as the container engine may not hand bytes on as they are.
      const script = `cd ${folder} && find . -mindepth 1 -printf '%P\\0%y\\0%l\\0' | base64 -w 0`
      const fields = Buffer.from((await host().exec(script)).output, 'base64')
        .toString()
        .split('\0')
      const rows = Array.from({ length: Math.floor(fields.length / 3) }, (_, i) =>
        fields.slice(i * 3, i * 3 + 3).join(' | '),
      )
      return rows.sort()
    }

    test('are made, found as they are, and removed', async () => {
      const all = [...new Set(fc.sample(names, { numRuns: 120, seed: 7 }))]
      expect(all.length).toBeGreaterThan(60)
      const described = [
        directory('/srv/names'),
        ...all.flatMap((name, i) => [
          directory(`/srv/names/d${i}${name}`, { mode: '0750' }),
          file(`/srv/names/d${i}${name}/${name}`, { content: `${name}\n`, mode: '0600' }),
          link(`/srv/names/l${i}${name}`, { to: name }),
        ]),
      ]
      const first = await up(described)
      expect(first.results[0]!.error).toBeUndefined()
      expect(made(first)).toEqual(planned(first))
      expect(await tree('/srv/names')).toEqual(
        all
          .flatMap((name, i) => [
            `d${i}${name} | d | `,
            `d${i}${name}/${name} | f | `,
            `l${i}${name} | l | ${name}`,
          ])
          .sort(),
      )
      expect(planned(await up(described))).toEqual([])

      const gone = described
        .slice(1)
        .map((each) => absent(each))
        .toReversed()
      expect(planned(await up(gone))).toHaveLength(all.length * 3)
      expect(await tree('/srv/names')).toEqual([])
    })

    test('are content byte by byte, secrets included', async () => {
      const texts = fc.sample(fc.string({ unit: 'binary', maxLength: 300 }), {
        numRuns: 40,
        seed: 7,
      })
      const bytes = fc.sample(fc.uint8Array({ maxLength: 3000 }), { numRuns: 40, seed: 7 })
      const described = [
        directory('/srv/contents'),
        ...texts.map((content, i) => file(`/srv/contents/text${i}`, { content })),
        ...bytes.map((content, i) => file(`/srv/contents/bytes${i}`, { content })),
        ...texts.map((text, i) =>
          file(`/srv/contents/secret${i}`, { content: `<${new Secret(`s${i}`, text)}>` }),
        ),
      ]
      const first = await up(described)
      expect(first.results[0]!.error).toBeUndefined()
      expect(planned(await up(described))).toEqual([])
      const script =
        'cd /srv/contents; for each in $(ls | sort -V); do base64 -w 0 "$each"; echo; done'
      const contents = (await host().exec(script)).output.slice(0, -1).split('\n')
      const expected = [...bytes, ...texts.map((text) => `<${text}>`), ...texts].map((each) =>
        Buffer.from(each).toString('base64'),
      )
      expect(contents).toEqual(expected)
    })

    test('half a character is refused, as no host can hold it', () => {
      expect(() => file('/srv/\ud83d')).toThrow(
        expect.objectContaining({ code: 'invalid-resource' }),
      )
    })
  },
)
