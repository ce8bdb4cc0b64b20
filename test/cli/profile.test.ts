import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { makeClient } from '../../lib/cli/client.js'
import { cli, type Running } from '../support/cli.js'
import { type SmallStore, smallStore } from '../support/small-store.js'

const S3 = 's3://bucket/key'
/** The environment without anything that names a server, a region, a profile or credentials. */
const BARE: NodeJS.ProcessEnv = {
  AWS_ACCESS_KEY_ID: undefined,
  AWS_SECRET_ACCESS_KEY: undefined,
  AWS_SESSION_TOKEN: undefined,
  AWS_REGION: undefined,
  AWS_DEFAULT_REGION: undefined,
  AWS_ENDPOINT_URL: undefined,
  AWS_ENDPOINT_URL_S3: undefined,
  AWS_PROFILE: undefined,
  AWS_DEFAULT_PROFILE: undefined,
  AWS_CA_BUNDLE: undefined,
  AWS_EC2_METADATA_DISABLED: 'true',
}
const keys = (name: string): string => `aws_access_key_id = ${name}\naws_secret_access_key = secret\n`

/** Runs the command with these files as `~/.aws/config` and `~/.aws/credentials`. */
function withFiles(t: Test, config: string, credentials = '') {
  const folder = t.testdir({ config, credentials })
  const files = {
    AWS_CONFIG_FILE: join(folder, 'config'),
    AWS_SHARED_CREDENTIALS_FILE: join(folder, 'credentials'),
  }
  const run = async (args: string[], env: NodeJS.ProcessEnv = {}): Promise<Running> =>
    await cli(args, { input: 'x', env: { ...BARE, ...files, ...env } })
  return { files, run }
}

/** The access key and the region with which the store's latest request was signed. */
function latestSigner({ seen }: SmallStore): string {
  const [, key, region] = /Credential=([^/]+)\/\d+\/([^/]+)\//.exec(String(seen.at(-1)?.headers.authorization)) ?? []
  return `${key} ${region}`
}

t.test('a profile that does not exist ends the command before it sends anything', async (t) => {
  const store = await smallStore(t)
  const many = Array.from({ length: 25 }, (_, i) => `[profile p${i}]\nregion = x\n`).join('')
  const { run, files } = withFiles(
    t,
    `[default]\nregion = us-east-1\n${many}[sso-session corp]\nsso_region = x\n[services s]\ns3 =\n  endpoint_url = x\n`,
    `[backup]\n${keys('K')}`,
  )
  const where = `${files.AWS_CONFIG_FILE} or ${files.AWS_SHARED_CREDENTIALS_FILE}`
  const at = { AWS_ENDPOINT_URL: store.endpoint }
  const inEnvironment = { ...at, AWS_ACCESS_KEY_ID: 'K', AWS_SECRET_ACCESS_KEY: 's' }
  const missing: [args: string[], env: NodeJS.ProcessEnv, profile: string][] = [
    [[S3, '--profile', 'nosuch'], at, '"nosuch" of --profile'],
    [[S3, '--profile', 'toString', '--no-sign-request'], at, '"toString" of --profile'],
    [['ls', 's3://b', '--profile', 'a\nb'], inEnvironment, '"a\\nb" of --profile'],
    [['abort', 's3://b', '--older-than', '0s'], { ...at, AWS_PROFILE: 'gone' }, '"gone" of AWS_PROFILE'],
    [[S3], { ...inEnvironment, AWS_DEFAULT_PROFILE: 'gone' }, '"gone" of AWS_DEFAULT_PROFILE'],
  ]
  for (const [args, env, profile] of missing) {
    const { code, stderr } = await run(args, env)
    t.equal(code, 2)
    t.ok(stderr.startsWith(`s3-writable: The profile ${profile} does not exist in ${where}. `), stderr)
    t.match(stderr, /The profiles there are: default, p0, .*, p18 and 7 more\.\n$/)
  }
  t.match(await run([S3, '--profile', 'x'], { AWS_CONFIG_FILE: '/no/such', AWS_SHARED_CREDENTIALS_FILE: '' }), {
    code: 2,
    stderr: /does not exist in \/no\/such or ~\/\.aws\/credentials\. /,
  })
  const home = t.testdir()
  t.match(await run([S3, '--profile', 'x'], { HOME: home, AWS_CONFIG_FILE: '', AWS_SHARED_CREDENTIALS_FILE: '' }), {
    code: 2,
    stderr:
      /in ~\/\.aws\/config or ~\/\.aws\/credentials\. There is no profile in these files, or they cannot be read\.\n$/,
  })
  t.equal(store.seen.length, 0)
})

t.test('the endpoint, the keys and the region are those that the AWS CLI would use', async (t) => {
  const own = await smallStore(t)
  const other = await smallStore(t)
  const { run } = withFiles(
    t,
    `[default]\nregion = default-1\nendpoint_url = ${other.endpoint}
[profile own]\nregion = own-1\nendpoint_url = ${own.endpoint}
[profile services]\nregion = own-1\nservices = ours\nendpoint_url = ${other.endpoint}
[services ours]\ns3 =\n  endpoint_url = ${own.endpoint}
[profile others]\nregion = own-1\nservices = others\nendpoint_url = ${own.endpoint}
[services others]\nsts =\n  endpoint_url = ${other.endpoint}\n`,
    ['default', 'own', 'services', 'others'].map((name) => `[${name}]\n${keys(name)}`).join(''),
  )
  const inEnvironment = { AWS_ACCESS_KEY_ID: 'env', AWS_SECRET_ACCESS_KEY: 's' }
  const both = { ...inEnvironment, AWS_PROFILE: 'own' }
  const runs: [args: string[], env: NodeJS.ProcessEnv, signer: string][] = [
    [['--profile', 'own'], {}, 'own own-1'],
    [['--profile', 'own'], inEnvironment, 'own own-1'],
    [['--profile', 'own'], { AWS_PROFILE: 'default' }, 'own own-1'],
    [['--profile', 'services'], {}, 'services own-1'],
    [['--profile', 'others'], {}, 'others own-1'],
    [[], { AWS_PROFILE: 'own' }, 'own own-1'],
    [[], both, 'env own-1'],
    [[], { AWS_DEFAULT_PROFILE: 'own' }, 'own own-1'],
    [[], { AWS_PROFILE: 'own', AWS_DEFAULT_PROFILE: 'default' }, 'own own-1'],
    [[], { AWS_ENDPOINT_URL: own.endpoint }, 'default default-1'],
    [[], { AWS_ENDPOINT_URL: other.endpoint, AWS_ENDPOINT_URL_S3: own.endpoint }, 'default default-1'],
    [['--profile', 'default', '--endpoint-url', own.endpoint], { AWS_ENDPOINT_URL: 'x' }, 'default default-1'],
    [[], { AWS_PROFILE: 'own', AWS_DEFAULT_REGION: 'env-1' }, 'own env-1'],
    [[], { AWS_PROFILE: 'own', AWS_DEFAULT_REGION: 'env-2', AWS_REGION: 'env-1' }, 'own env-1'],
    [['--region', 'cli-1'], { AWS_PROFILE: 'own', AWS_DEFAULT_REGION: 'env-2' }, 'own cli-1'],
  ]
  for (const [args, env, signer] of runs) {
    const { code, stderr } = await run(['ls', 's3://b', ...args], env)
    const what = `${args} ${JSON.stringify(env)}`
    t.match({ code, stderr }, { code: 0, stderr: '' }, what)
    t.equal(latestSigner(own), signer, what)
  }
  t.equal(own.seen.length, runs.length)
  t.equal(other.seen.length, 0, 'nothing is sent to the server of another profile')
  await run(['ls', 's3://b'], { ...inEnvironment, AWS_SESSION_TOKEN: 'token', AWS_ENDPOINT_URL: own.endpoint })
  t.equal(own.seen.at(-1)?.headers['x-amz-security-token'], 'token')
})

t.test('an endpoint in the environment or a profile that is no URL is refused by its name', async (t) => {
  const { run } = withFiles(
    t,
    `[default]\nregion = us-east-1\nendpoint_url = localhost:9000
[profile services]\nservices = ours\n[services ours]\ns3 =\n  endpoint_url = s3.example.com
[profile broken]\nservices = nosuch\n`,
    `[default]\n${keys('a')}`,
  )
  const wrong: [env: NodeJS.ProcessEnv, message: RegExp][] = [
    [{ AWS_ENDPOINT_URL: 'localhost:9000' }, /: AWS_ENDPOINT_URL is "localhost:9000"\. Expected a URL such as https:/],
    [{ AWS_ENDPOINT_URL_S3: 'ftp://x' }, /: AWS_ENDPOINT_URL_S3 is "ftp:\/\/x"\. Expected a URL/],
    [{}, /: endpoint_url of the profile is "localhost:9000"\. Expected a URL/],
    [{ AWS_PROFILE: 'services' }, /: endpoint_url of the section services is "s3\.example\.com"\. Expected a URL/],
    [{ AWS_PROFILE: 'broken' }, /The profile names the section \[services nosuch\], which does not exist in /],
  ]
  for (const [env, stderr] of wrong) t.match(await run([S3], env), { code: 2, stderr })
})

t.test('credentials that cannot be had are explained', async (t) => {
  const { endpoint } = await smallStore(t)
  const sso = 'sso_account_id = 123456789012\nsso_role_name = R\nregion = us-east-1\n'
  const { run } = withFiles(
    t,
    `[profile none]\nregion = us-east-1
[profile sso]\nsso_session = corp\n${sso}[sso-session corp]\nsso_region = us-east-1\nsso_start_url = https://x.example
[profile process]\nregion = us-east-1\ncredential_process = false
[profile mfa]\nregion = us-east-1\nrole_arn = arn:aws:iam::123456789012:role/r\nsource_profile = keys\nmfa_serial = m
[profile keys]\n${keys('a')}`,
  )
  const failures: [profile: string, message: RegExp][] = [
    ['none', /No credentials were found: set AWS_ACCESS_KEY_ID .* pass a --profile that has them/],
    ['process', /a --profile that has them, or whose credential_process succeeds\.\n$/],
    ['sso', /run 'aws sso login' with the corresponding profile\.\n$/],
    ['mfa', /does not ask for a code\. .* aws configure export-credentials --format env, with the same --profile\.\n$/],
  ]
  for (const [profile, message] of failures) {
    const { code, stderr } = await run([S3, '--profile', profile, '--endpoint-url', endpoint])
    t.match({ code, stderr }, { code: 1, stderr: message })
    t.match(stderr, /^s3-writable: [^\n]*\n$/)
    t.notMatch(stderr, /\.\./)
  }
  t.match(await run([S3, '--profile', 'keys', '--endpoint-url', endpoint]), {
    code: 1,
    stderr: /The region is missing/,
  })
})

t.test('the section s3 of a profile and ignore_configured_endpoint_urls are honoured', async (t) => {
  const config = join(t.testdir(), 'config')
  const s3 = (lines: string): string => `region = us-east-1\ns3 =\n${lines}`
  writeFileSync(
    config,
    `[profile path]\n${s3('  addressing_style = path\n')}[profile virtual]\n${s3('  addressing_style = virtual\n')}` +
      `[profile fast]\n${s3('  use_accelerate_endpoint = true\n  use_dualstack_endpoint = True\n')}` +
      '[profile ignore]\nregion = us-east-1\nignore_configured_endpoint_urls = true\nendpoint_url = http://h\n',
  )
  const { AWS_CONFIG_FILE, AWS_ENDPOINT_URL } = process.env
  Object.assign(process.env, { AWS_CONFIG_FILE: config, AWS_ENDPOINT_URL: '' })
  t.teardown(() => {
    for (const [name, value] of Object.entries({ AWS_CONFIG_FILE, AWS_ENDPOINT_URL })) {
      if (value === undefined) delete process.env[name]
      else process.env[name] = value
    }
  })
  const configOf = async (profile: string, pathStyle?: true) => {
    const client = await makeClient({ profile, signRequest: true, ...(pathStyle && { pathStyle }) })
    t.teardown(() => client.destroy())
    const { forcePathStyle, useAccelerateEndpoint, useDualstackEndpoint, isCustomEndpoint } = client.config
    return [forcePathStyle, useAccelerateEndpoint, await useDualstackEndpoint(), isCustomEndpoint]
  }
  t.same(await configOf('path'), [true, false, false, false])
  t.same(await configOf('virtual'), [false, false, false, false])
  t.same(await configOf('virtual', true), [true, false, false, false])
  t.same(await configOf('fast'), [false, true, true, false])
  t.same(await configOf('ignore'), [false, false, false, false])
})
