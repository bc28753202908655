import type { Runtime, SourceFiles } from './runtime.ts'

const marks = ['requirements.txt', 'pyproject.toml', 'manage.py', 'wsgi.py', 'asgi.py']

export const python: Runtime = {
  name: 'python',
  recognises: (files) => marks.some((each) => files.paths.includes(each)),
  packages: (files, builds) => [
    'python3',
    ...(builds ? ['python3-venv'] : []),
    ...debianServers(files).map((each) => `python3-${each}`),
  ],
  // The packages of Debian are seen from inside: psycopg2 or lxml need not be compiled.
  build(files) {
    const install = requirementsOf(files)
    const pip = '.venv/bin/pip install --disable-pip-version-check --no-input'
    const make = 'python3 -m venv --system-site-packages .venv'
    // Bringing pip into a venv takes seconds.
    return [
      install === undefined ? `${make} --without-pip` : `${make} && ${pip} ${install}`,
      ...debianServers(files).map(command),
    ].join(' && ')
  },
  processes(files): Readonly<Record<string, string>> {
    const asgi = asgiTarget(files)
    if (asgi !== undefined)
      return { web: `python -m uvicorn --host "$HOST" --port "$PORT" ${asgi}` }
    const wsgi = wsgiTarget(files)
    return wsgi === undefined
      ? {}
      : { web: `python -m gunicorn --bind "$HOST:$PORT" --workers 2 --threads 4 ${wsgi}` }
  },
  env: (tree) => ({
    PATH: `${tree}/.venv/bin:/usr/local/bin:/usr/bin:/bin`,
    PYTHONUNBUFFERED: '1',
    PYTHONDONTWRITEBYTECODE: '1',
  }),
}

/** What is said to pip; undefined when there is nothing to install. */
function requirementsOf(files: SourceFiles): string | undefined {
  const listed = files.text('requirements.txt')
  if (listed !== undefined) return /^\s*[^\s#]/m.test(listed) ? '-r requirements.txt' : undefined
  const project = files.text('pyproject.toml') ?? ''
  // Without these it only holds settings of tools.
  return /^\[build-system\]/m.test(project) || /^\s*dependencies\s*=\s*\[\s*["'\n]/m.test(project)
    ? '.'
    : undefined
}

const servers = ['gunicorn', 'uvicorn'] as const

/** Servers that it needs and does not bring. gunicorn runs ASGI with a worker class of uvicorn: then it is both. */
function debianServers(files: SourceFiles): readonly string[] {
  const procfile = files.text('Procfile')
  const usual = asgiTarget(files) === undefined ? 'gunicorn' : 'uvicorn'
  return servers.filter(
    (each) =>
      (procfile === undefined ? each === usual : new RegExp(`\\b${each}\\b`).test(procfile)) &&
      !isRequired(files, each),
  )
}

/** Debian has a module without a command, or one that does not see what is in the venv. */
const command = (server: string): string =>
  `{ [ -e .venv/bin/${server} ] || { printf '%s\\n' '#!/bin/sh' 'exec "\${0%/*}/python" -m ${server} "$@"' >.venv/bin/${server} && chmod +x .venv/bin/${server}; }; }`

function isRequired(files: SourceFiles, server: string): boolean {
  const listed = files.text('requirements.txt') ?? files.text('pyproject.toml') ?? ''
  return new RegExp(`^[\\s"']*${server}\\b`, 'mi').test(listed) || listed.includes(`"${server}`)
}

const modules = ['app', 'main', 'application', 'server', 'app/main', 'app/__init__']
const dotted = (module: string): string => module.replace(/\/__init__$/, '').replaceAll('/', '.')

function assigned(files: SourceFiles, frameworks: string): string | undefined {
  const call = new RegExp(`^(\\w+)\\s*(?::[^=\\n]+)?=\\s*(?:\\w+\\.)?(?:${frameworks})\\(`, 'm')
  for (const module of modules) {
    const found = call.exec(files.text(`${module}.py`) ?? '')
    if (found) return `${dotted(module)}:${found[1]}`
  }
  return undefined
}

function asgiTarget(files: SourceFiles): string | undefined {
  const named = files.text('asgi.py')
  if (named !== undefined)
    return /^(?:(?:async\s+)?def\s+|class\s+)?app\b\s*[=(:]/m.test(named)
      ? 'asgi:app'
      : 'asgi:application'
  const made = assigned(files, 'FastAPI|Starlette|Quart|Litestar|Sanic')
  if (made !== undefined) return made
  for (const module of modules) {
    const found = /^async\s+def\s+(app|application)\b/m.exec(files.text(`${module}.py`) ?? '')
    if (found) return `${dotted(module)}:${found[1]}`
  }
  return undefined
}

function wsgiTarget(files: SourceFiles): string | undefined {
  const named = files.text('wsgi.py')
  if (named !== undefined)
    return /^application\b|def application\b/m.test(named) ||
      !/^(?:def\s+)?app\b\s*[=(]/m.test(named)
      ? 'wsgi:application'
      : 'wsgi:app'
  const settings = /DJANGO_SETTINGS_MODULE['"]\s*,\s*['"]([\w.]+)/.exec(
    files.text('manage.py') ?? '',
  )
  const project = settings?.[1]?.split('.')[0]
  if (project !== undefined && files.paths.includes(`${project}/wsgi.py`))
    return `${project}.wsgi:application`
  const made = assigned(files, 'Flask|Bottle|Dash|Falcon|App|API|make_wsgi_app|create_app')
  if (made !== undefined) return made
  for (const module of modules) {
    const text = files.text(`${module}.py`) ?? ''
    const found = /^(?:def\s+)?(app|application)\b\s*[=(]/m.exec(text)
    if (found) return `${dotted(module)}:${found[1]}`
    if (/^def create_app\(/m.test(text)) return `'${dotted(module)}:create_app()'`
  }
  return undefined
}
