import { spawnSync } from 'node:child_process'
import { Eta } from 'eta'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { camel, translateTemplate } from './eta.ts'
import { Untranslatable } from './jinja-lexer.ts'
import { type Type, listOfType, typeOfText, union } from './types.ts'
import { type Scope, level } from './value.ts'

/** What renders with real Jinja2, set up as Ansible does; with Ansible's filters where they are installed. */
const reference = `
import json, sys
import jinja2
env = jinja2.Environment(trim_blocks=True, undefined=jinja2.StrictUndefined, finalize=lambda x: '' if x is None else x)
try:
    from ansible.plugins.filter import core, mathstuff
    for each in (core, mathstuff): env.filters.update(each.FilterModule().filters())
    ansible = True
except ImportError:
    ansible = False
def ends(text):
    return len(text) - len(text.rstrip('\\n'))
def render(source, vars):
    text = env.from_string(source).render(**vars)
    return text + '\\n' * max(0, ends(source) - ends(text))
out = []
for each in json.load(sys.stdin):
    try: out.append({'text': render(each['source'], each['vars'])})
    except Exception as error: out.append({'error': str(error)})
json.dump({'ansible': ansible, 'out': out}, sys.stdout)
`

interface Answer {
  readonly text?: string
  readonly error?: string
}

function ask(
  python: string,
  all: readonly { source: string; vars: object }[],
): { ansible: boolean; out: Answer[] } | undefined {
  const { status, stdout } = spawnSync(python, ['-c', reference], {
    input: JSON.stringify(all),
    encoding: 'utf8',
  })
  return status === 0 ? (JSON.parse(stdout) as { ansible: boolean; out: Answer[] }) : undefined
}

// The python3 that comes first may not be the one of the system, which has Ansible.
const pythons = ['python3', '/usr/bin/python3'].filter((each) => ask(each, []))
const python = pythons.find((each) => ask(each, [])!.ansible) ?? pythons[0]
const withAnsible = python !== undefined && ask(python, [])!.ansible
const missing = python ? '' : '(skipped: python3 has no jinja2 here)'

const vars = {
  app_name: 'shop',
  port: 8080,
  tls: true,
  off: false,
  nothing: null,
  empty: '',
  motd: 'one\ntwo\n',
  odd: 'a "b" \'c\' <%= d %> \\ $& `x`',
  names: ['beta', 'Alpha', 'gamma', 'alpha'],
  numbers: [3, 1, 2, 3],
  none_there: [] as string[],
  users: [
    { name: 'ada', uid: 1001, admin: true, mail: 'ada@example.test' },
    { name: 'bob', uid: 1002, admin: false },
  ],
  limits: { nofile: 1024, nproc: 50, Core: 0 },
}

function typeOf(value: unknown): Type {
  if (value === null) return { kind: 'none' }
  if (Array.isArray(value)) return listOfType(union(value.map(typeOf)))
  if (typeof value === 'string') return typeOfText(value)
  if (typeof value === 'object')
    return {
      kind: 'dict',
      fields: new Map(Object.entries(value).map(([key, each]) => [key, typeOf(each)])),
    }
  return typeof value === 'boolean' ? { kind: 'bool' } : { kind: 'int' }
}

const scope: Scope = {
  language: 'typescript',
  look: (name) =>
    name in vars
      ? {
          code: camel(name),
          level: level.last,
          type: typeOf((vars as Record<string, unknown>)[name]),
          host: false,
        }
      : undefined,
}

const eta = new Eta({ autoEscape: false, autoTrim: false, useWith: false, cache: false })

function rendered(source: string): string {
  const { text, values } = translateTemplate(source, scope)
  const byCode = new Map(Object.entries(vars).map(([key, each]) => [camel(key), each as unknown]))
  const given = Object.fromEntries([...values].map(([key, code]) => [key, byCode.get(code)]))
  return eta.render(eta.compile(text), given)
}

const plain = [
  'port = {{ port }}\n',
  '{{ app_name }}',
  '{{ app_name }}\n\n',
  '{{ empty }}\n',
  'x\n{{ empty }}\n',
  '{{ motd }}\n',
  '{{ motd }}\n\n\n',
  '{{ odd }} <% x %> {{ "<%" }} \\n \\ `${x}`\n',
  '{{ tls }} {{ off }} {{ nothing }}|\n',
  'a {# a comment #} b\n{# one more\n #}\nc\n',
  '{% for user in users %}\n{{ user.name }} {{ user.uid }}\n{% endfor %}\n',
  '{% for user in users %}{{ user.name }}{% if not loop.last %}, {% endif %}{% endfor %}\n',
  '{% for user in users -%}\n   {{ loop.index }}/{{ loop.length }} {{ loop.first }} {{ loop.revindex }}\n{%- endfor %}\n',
  '{% for each in none_there %}\n{{ each }}\n{% else %}\nnobody\n{% endfor %}\n',
  '{% for each in none_there %}\n{{ each }}\n{% endfor %}\n',
  '{% for key, value in limits.items() %}\n{{ key }}={{ value }}\n{% endfor %}\n',
  '{% for key, value in limits | dictsort %}\n{{ key }}={{ value }}\n{% endfor %}\n',
  '{% for key in limits %}{{ key }} {{ limits[key] }};{% endfor %}\n',
  '{% for user in users if user.admin %}\n{{ user.name }}\n{% endfor %}\n',
  '{% for user in users %}{{ user.mail | default("none") }} {{ user.mail is defined }};{% endfor %}\n',
  '{% if port == 80 %}\nhttp\n{% elif tls %}\nhttps {{ port }}\n{% else %}\nother\n{% endif %}\nend\n',
  '{% if names and not none_there and port > 10 %}yes{% endif %}\n',
  '{% if missing is defined %}{{ missing }}{% else %}not there{% endif %}\n',
  '{{ missing | default("x") }} {{ missing | default(app_name) }}\n',
  '{% set total = port + 1 %}\n{{ total }}\n{% set total = total * 2 %}{{ total }}\n',
  '{% set kind = "a" %}{% if tls %}{% set kind = "b" %}{% endif %}{{ kind }}\n',
  '{% for n in numbers %}{% set twice = n * 2 %}{{ twice }} {% endfor %}\n',
  '    {% if tls %}\n    indented\n    {% endif %}\nx\n',
  '  {%- if tls %} x {%- endif -%}  \n  y\n',
  'a {%+ if tls %}\nb{% endif +%}\nc\n',
  '{% raw %}{{ not }} {% this %}{% endraw %}\nx\n',
  '{{ names | join(", ") }} {{ names | sort | join(" ") }} {{ names | unique | join(" ") }}\n',
  '{{ numbers | sort | join(",") }} {{ numbers | unique | join(",") }} {{ numbers | length }} {{ numbers | sum }} {{ numbers | max }}\n',
  '{{ names | first }} {{ names | last }} {{ names[1] }} {{ names[-1] }} {{ app_name | length }}\n',
  '{{ app_name | upper }} {{ "ABC" | lower }} {{ app_name | capitalize }} {{ app_name | replace("s", "$&") }}\n',
  '{{ users | map(attribute="name") | join(",") }} {{ names | map("upper") | join(",") }}\n',
  '{{ users | selectattr("admin") | map(attribute="name") | list | join }} {{ users | rejectattr("admin") | list | length }}\n',
  '{{ users | selectattr("name", "equalto", "bob") | map(attribute="uid") | join }}\n',
  '{{ "12" | int + 1 }} {{ "x" | int }} {{ (port / 3) | int }} {{ port // 3 }} {{ port % 7 }} {{ 2 ** 3 }} {{ -port }}\n',
  '{{ "a" ~ port ~ tls }} {{ "x" * 3 }} {{ [1, 2] | join("-") }}\n',
  '{{ "yes" if tls else "no" }} {{ "yes" if off }}|\n',
  '{{ port in numbers }} {{ 3 in numbers }} {{ "ho" in app_name }} {{ "nofile" in limits }} {{ 1 not in numbers }}\n',
  '{{ 1 < port <= 8080 }} {{ tls and off }} {{ tls or off }} {{ empty or app_name }} {{ app_name and port }}\n',
  '{{ app_name.upper() }} {{ app_name.startswith("sh") }} {{ "a,b".split(",") | join("+") }} {{ limits.get("x", 5) }}\n',
  '{{ motd | indent(4) }}|\n{{ motd | trim }}\n',
  '{{ names[1:3] | join }} {{ app_name[:2] }}\n',
  '{% for i in range(3) %}{{ i }}{% endfor %}{% for i in range(2, 4) %}{{ i }}{% endfor %}\n',
  '{% for a in users %}{% for b in names %}{{ loop.index }}{{ a.name }}{{ b }} {% endfor %}{{ loop.index0 }}{% endfor %}\n',
  '{% for port in numbers %}{{ port }}{% endfor %} {{ port }}\n',
  'windows\r\nline {% if tls %}\r\nx\r\n{% endif %}\r\n',
  '',
  '\n\n',
  '{% if off %}x{% endif %}\n',
  '{% if tls %}a\n{% endif %}\n',
  '<{{ nothing }}%> <{% if off %}{% endif %}% {% if tls %}<{% endif %}%\n',
  '{{ "é\\u00e9\\x41\\n\\t|" }}\n',
  '{%for x in names%}{{x}}{%endfor%}',
]

const ansible = [
  '{{ tls | ternary("on", "off") }} {{ off | ternary(1, 2) }}\n',
  '{{ "Yes" | bool }} {{ port | bool }} {{ app_name | b64encode }} {{ "a b\'c" | quote }} {{ app_name | quote }}\n',
  '{{ names | to_json }} {{ port | to_json }} {{ numbers | to_json }}\n',
  '{{ app_name | regex_replace("^s(.)", "\\\\1$") }} {{ "a.b" | regex_replace("[.]", "-") }}\n',
  '{{ numbers | difference([1]) | join(",") }} {{ numbers | union([9]) | join(",") }} {{ numbers | intersect([3, 1]) | join(",") }}\n',
  '{% for each in limits | dict2items %}{{ each.key }}:{{ each.value }} {% endfor %}\n',
  '{{ [[1, 2], [3]] | flatten | join(",") }} {{ "/a/b.txt" | basename }}\n',
]

function check(sources: readonly string[]): void {
  const { out } = ask(
    python!,
    sources.map((source) => ({ source, vars })),
  )!
  const compared = sources.map((source, i) => ({
    source,
    text: attempt(source),
    ...(out[i]!.error && { error: out[i]!.error }),
  }))
  expect(compared).toEqual(sources.map((source, i) => ({ source, text: out[i]!.text })))
}

describe('templates render the same bytes as with Jinja2', () => {
  test.skipIf(!python)(`each by itself ${missing}`, () => check(plain))

  test.skipIf(!withAnsible)(
    `filters of Ansible ${withAnsible ? '' : '(skipped: no python3 here has ansible)'}`,
    () => check(ansible),
  )

  test.skipIf(!python)(
    `any of them ${missing}`,
    () => {
      let translated = 0
      fc.assert(
        fc.property(fc.array(templates(), { minLength: 40, maxLength: 40 }), (sources) => {
          const { out } = ask(
            python!,
            sources.map((source) => ({ source, vars })),
          )!
          sources.forEach((source, i) => {
            const wanted = out[i]!
            const found = attempt(source)
            // What fails with Ansible has no bytes to compare.
            if (wanted.text === undefined || found === undefined) return
            translated++
            expect({ source, text: found }).toEqual({ source, text: wanted.text })
          })
        }),
        { numRuns: 25 },
      )
      expect(translated).toBeGreaterThan(500)
    },
    60_000,
  )
})

const reasons = new Set<string>()

function attempt(source: string): string | undefined {
  try {
    return rendered(source)
  } catch (error) {
    if (error instanceof Untranslatable) return (reasons.add(error.message), undefined)
    throw error
  }
}

/** Templates with blocks in blocks, every mark for white space, and texts that mean something to Eta. */
function templates(): fc.Arbitrary<string> {
  const mark = fc.constantFrom('', '', '', '-', '+')
  const block = (inside: fc.Arbitrary<string> | string): fc.Arbitrary<string> =>
    fc
      .tuple(
        mark,
        typeof inside === 'string' ? fc.constant(inside) : inside,
        mark,
        fc.constantFrom('', '\n', '\n\n', ' \n', '  '),
      )
      .map(([open, text, close, after]) => `{%${open} ${text} ${close}%}${after}`)
  const text = fc
    .array(
      fc.constantFrom(
        'a',
        ' ',
        '\n',
        '  ',
        'x = ',
        '<%',
        '%>',
        '<',
        '%',
        '`',
        '\\',
        "'",
        '"',
        '$',
        '${y}',
        '#',
        '}',
        '-',
        '\t',
        'é',
      ),
      { maxLength: 5 },
    )
    .map((all) => all.join(''))
  const value = fc.constantFrom(
    'app_name',
    'port',
    'tls',
    'nothing',
    'empty',
    'motd',
    'odd',
    'names | join(",")',
    'names | sort | first',
    'users[0].name',
    'limits.nproc',
    'port + 1',
    '"x" ~ port',
    'x | default("d")',
    'loop.index | default("no loop")',
    'names | unique | join',
    '"%>" ~ odd',
    'odd | replace("`", "%>")',
    'app_name | upper',
    '(port // 3) % 5',
    'each',
    '"<%" if tls else "%>"',
    'motd | trim',
    'motd | indent(2)',
    'one',
  )
  const condition = fc.constantFrom(
    'tls',
    'off',
    'names',
    'none_there',
    'port > 80',
    'app_name == "shop"',
    'x is defined',
    'not tls',
    'empty',
    'each is defined',
    'loop is defined and loop.first',
  )
  const list = fc.constantFrom(
    'names',
    'numbers',
    'none_there',
    'users | map(attribute="name")',
    'range(2)',
    'limits',
  )
  const output = fc
    .tuple(fc.constantFrom('', '-'), value, fc.constantFrom('', '-'))
    .map(([open, inside, close]) => `{{${open} ${inside} ${close}}}`)
  const { tree } = fc.letrec<{ tree: string; part: string }>((tie) => ({
    tree: fc.array(tie('part'), { maxLength: 4 }).map((all) => all.join('')),
    part: fc.oneof(
      { maxDepth: 3, withCrossShrink: true },
      text,
      output,
      fc
        .tuple(fc.constantFrom('{#', '{#-'), fc.constantFrom('#}', '-#}', '#}\n'))
        .map(([a, b]) => `${a} no {{ one ${b}`),
      fc
        .tuple(block(condition.map((each) => `if ${each}`)), tie('tree'), block('endif'))
        .map((all) => all.join('')),
      fc
        .tuple(
          block(condition.map((each) => `if ${each}`)),
          tie('tree'),
          block('else'),
          tie('tree'),
          block('endif'),
        )
        .map((all) => all.join('')),
      fc
        .tuple(block(list.map((each) => `for each in ${each}`)), tie('tree'), block('endfor'))
        .map((all) => all.join('')),
      fc
        .tuple(
          block(list.map((each) => `for each in ${each}`)),
          tie('tree'),
          block('else'),
          tie('tree'),
          block('endfor'),
        )
        .map((all) => all.join('')),
      block(value.map((each) => `set one = ${each}`)),
    ),
  }))
  return fc.tuple(tree, fc.constantFrom('', '\n', '\n\n')).map((all) => all.join(''))
}
