import assert from 'node:assert/strict';
import { checkEnvironmentFile, variableProblem } from '../../../../src/driver/content/environment-file.ts';

const place = 'connectorclass npm, configuration npmrc, file npm.environment';
const check = (text: string, template = text): void => checkEnvironmentFile(Buffer.from(text), template, place);

describe('a file of variables', () => {
  it('has variables, files of the volume, comments and empty lines', () => {
    check('# comment\n\nA=\nb_1=a b = c "$(id)"\t\\\nFILE=./.npmrc\nOPTION=--settings=./settings.xml\nFOLDER=./');
    check('');
  });

  const bad: readonly (readonly [what: string, line: string, message: RegExp])[] = [
    ['a line without "="', 'export A', /a line is VARIABLE=value, VARIABLE=\.\/FILE, empty, or a comment/],
    ['a declaration of a shell', 'export A=1', /variable "export A" is not permitted: a name has letters/],
    ['a name that begins with a digit', '1A=x', /variable "1A" is not permitted: a name has letters/],
    ['no name', '=x', /variable "" is not permitted/],
    ['a name with a dot', 'a.b=x', /variable "a\.b" is not permitted/],
    ['a white space before the name', ' A=x', /variable " A" is not permitted/],
    ['PATH', 'PATH=/x', /variable "PATH" is not permitted: its value could run code in the pod/],
    ['a variable of the loader', 'LD_PRELOAD=./x', /variable "LD_PRELOAD" is not permitted/],
    ['a variable of activate', 'https_proxy=x', /variable "https_proxy" is not permitted: .*or "activate" sets it/],
    ['a file outside of the volume', 'A=./../x', /the value of A must name a file of the volume after ".\/"/],
    ['a file of a folder', 'A=--x=./a/b', /the value of A must name a file of the volume/],
    ['a line break of Windows', 'A=x\r', /the value of A has a control character: remove it/],
    ['a NUL', 'A=x\0', /the value of A has a control character/],
    ['a variable twice', 'A=1\nA=2', /line 4: variable A is set twice: a value must not have a line break/],
  ];
  for (const [what, line, message] of bad) {
    it(`rejects ${what}, with the place and the line`, () => {
      assert.throws(
        () => check(`# comment\n\n${line}\nB=1\n`),
        (error: Error & { readonly code?: string }) => {
          assert.equal(error.code, 'FAILED_PRECONDITION');
          assert.ok(error.message.startsWith(`${place}: line `), error.message);
          assert.match(error.message, message);
          return true;
        },
      );
    });
  }

  it('takes names from its template alone, so a value with a line break adds none', () => {
    const template = 'TOOL={{ .connector.spec.address }}\n';
    check('TOOL=https://x.example\n', template);
    assert.throws(
      () => check('TOOL=x\nnpm_config_shell_x=./evil\n', template),
      /line 2: variable npm_config_shell_x is not written/,
    );
    assert.throws(() => check('TOOL=x\nTOOL=y\n', template), /line 2: variable TOOL is set twice/);
  });
});

describe('the variables that a configuration must not set', () => {
  it('are none of those that the classes need', () => {
    const needed = ['npm_config_userconfig', 'MAVEN_ARGS', 'GIT_CONFIG_GLOBAL', 'DOCKER_CONFIG', 'REGISTRY_AUTH_FILE'];
    for (const name of [
      ...needed,
      'KUBECONFIG',
      'PIP_CONFIG_FILE',
      'GH_CONFIG_DIR',
      'GITLAB_TOKEN',
      'PATHS',
      'MY_PATH',
      'UV_INDEX_URL',
      'ANSIBLE_GALAXY_SERVER_LIST',
      'TF_CLI_CONFIG_FILE',
    ]) {
      assert.equal(variableProblem(name), undefined, name);
    }
  });

  it('are those that run code, by their names and by their beginnings', () => {
    const run = [
      'LD_LIBRARY_PATH',
      'PS0',
      'PS4',
      'RPS1',
      'RPROMPT',
      'SPROMPT',
      'npm_config_call',
      'NPM_CONFIG_CALL',
      'BASH_ENV',
      'ENV',
      'IFS',
      'NODE_OPTIONS',
      'PYTHONSTARTUP',
      'PERL5OPT',
      'GIT_SSH',
    ];
    for (const name of [...run, 'GIT_SSH_COMMAND', 'PS4', 'path', 'RUBYOPT', 'JAVA_TOOL_OPTIONS', 'CONNECTORS_DIR']) {
      assert.notEqual(variableProblem(name), undefined, name);
    }
  });

  it('are those with which build tools and their clients run a program', () => {
    const names = [
      ...['GOAUTH', 'GOCACHEPROG', 'GOENV', 'GOTOOLCHAIN', 'GOFLAGS', 'CGO_CFLAGS', 'PKG_CONFIG'],
      ...['RUSTC_WRAPPER', 'RUSTDOC', 'CARGO_BUILD_RUSTC_WRAPPER', 'CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER'],
      ...['CARGO_ENCODED_RUSTFLAGS', 'CARGO_REGISTRIES_OWN_CREDENTIAL_PROVIDER', 'CARGO_REGISTRY_CREDENTIAL_PROVIDER'],
      ...['JAVACMD', 'JDK_JAVA_OPTIONS', 'JDK_JAVAC_OPTIONS', 'MAVEN_OPTS', 'GRADLE_OPTS', 'ANT_ARGS'],
      ...['SONAR_SCANNER_OPTS', 'SONAR_SCANNER_JAVA_OPTS', 'GIT_EXTERNAL_DIFF', 'GIT_ASKPASS', 'GIT_COMMON_DIR'],
      ...['KUBE_EDITOR', 'KUBECTL_EXTERNAL_DIFF', 'GLAB_PAGER', 'AWS_PAGER', 'TAR_OPTIONS', 'CONTAINERS_CONF_OVERRIDE'],
      ...['CFLAGS', 'CC', 'SUDO_ASKPASS', 'NUGET_NETCORE_PLUGIN_PATHS', 'COR_PROFILER_PATH', 'PIP_PYTHON'],
      ...['UV_PYTHON', 'CLOUDSDK_PYTHON', 'CLOUDSDK_PYTHON_ARGS', 'PYTEST_ADDOPTS', 'JRUBY_OPTS', 'R_PROFILE_USER'],
      ...['ERL_AFLAGS', 'ELIXIR_ERL_OPTIONS', 'TF_CLI_ARGS_init', 'ANSIBLE_LIBRARY', 'ANSIBLE_CALLBACK_PLUGINS'],
      ...['RSYNC_CONNECT_PROG', 'HGEDITOR', 'HGMERGE', 'SVN_SSH', 'CVS_RSH', 'VIMINIT', 'FZF_DEFAULT_COMMAND'],
    ];
    assert.deepEqual(
      names.filter((name) => variableProblem(name) === undefined),
      [],
    );
  });

  it('are those of npm, pnpm and Yarn in each spelling that these read', () => {
    const denied = [
      ...['npm_config_script_shell', 'NPM_CONFIG_SCRIPT_SHELL', 'Npm_Config_script_shell', 'nPM_config_git'],
      ...['npm_config_Script_shell', 'NPM_config_git', 'npm_config_pnpmfile', 'NPM_CONFIG_INIT_MODULE'],
      ...[
        'pnpm_config_script_shell',
        'PNPM_HOME',
        'YARN_YARN_PATH',
        'YARN__YARN_PATH',
        'yarn_yarn_path',
        'Yarn_Plugins',
      ],
      ...[
        'YARN_RC_FILENAME',
        'YARN_IGNORE_PATH',
        'YARN_PLUGINS',
        'YARN_SCRIPT_SHELL',
        'YARN_HTTPS_PROXY',
        'YARN_NODE_X',
      ],
    ];
    assert.deepEqual(
      denied.filter((name) => variableProblem(name) === undefined),
      [],
    );
    const permitted = ['npm_config_registry', 'NPM_CONFIG_REGISTRY', 'YARN_NPM_REGISTRY_SERVER', 'YARN_NPM_AUTH_IDENT'];
    for (const name of [...permitted, 'GOPROXY', 'CARGO_REGISTRIES_OWN_INDEX', 'RUSTUP_DIST_SERVER', 'GITHUB_TOKEN'])
      assert.equal(variableProblem(name), undefined, name);
  });
});
