import { surveyEach } from '../../src/engine/survey.ts'
import { relocated } from '../../src/model/relocated.ts'
import { labTargets } from '../../src/lab/targets.ts'
import { Project } from '../../src/cli/project.ts'
import { kindsWith } from '../../src/resources/kinds.ts'
import { SshMachine } from '../../src/transport/ssh.ts'

/** How often a host of a description is waited for to plan it, with the facts of the last run. */
export async function roundTrips(folder: string, name: string): Promise<number> {
  const project = Project.find(`${folder}/fleet.ts`, true)
  const targets = labTargets(folder)
  const fleet = relocated(await project.fleet(), (host) => targets(host)?.address)
  const [reading] = surveyEach(
    fleet,
    [fleet.hosts.get(name)!],
    (host) => new SshMachine(targets(host.name)!),
    {
      kinds: kindsWith(project.lock()),
      knownFacts: project.knownFacts(),
      only: [],
      parallel: 1,
      timeoutSeconds: 60,
      keepsOpen: () => false,
    },
  )
  const surveyed = await reading!
  if ('error' in surveyed) throw surveyed.error
  return surveyed.session.roundTrips
}
