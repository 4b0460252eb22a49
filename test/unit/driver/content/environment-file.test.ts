import assert from 'node:assert/strict';
import { checkEnvironmentFile, referencedFiles } from '../../../../src/driver/content/environment-file.js';
import { deniedVariables, variableProblem } from '../../../../src/driver/rules/environment-variable.js';

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

  it('names the files that it needs', () => {
    const text = 'A=./.npmrc\nB=x ./y\nC=--settings=./settings.xml\nD=./\n# E=./e\nF=a=./b=./c\n';
    assert.deepEqual(referencedFiles(Buffer.from(text)), ['.npmrc', 'settings.xml', '', 'b=./c']);
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
    ]) {
      assert.equal(variableProblem(name), undefined, name);
    }
  });

  it('are those that run code, by their names and by their beginnings', () => {
    const run = ['LD_LIBRARY_PATH', 'BASH_ENV', 'ENV', 'IFS', 'NODE_OPTIONS', 'PYTHONSTARTUP', 'PERL5OPT', 'GIT_SSH'];
    for (const name of [...run, 'GIT_SSH_COMMAND', 'PS4', 'path', 'RUBYOPT', 'JAVA_TOOL_OPTIONS', 'CONNECTORS_DIR']) {
      assert.notEqual(variableProblem(name), undefined, name);
    }
  });

  it('are patterns that a shell and this program read alike', () => {
    for (const pattern of deniedVariables) assert.match(pattern, /^[A-Za-z_][A-Za-z0-9_]*\*?$/);
  });
});
