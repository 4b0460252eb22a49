import assert from 'node:assert/strict';
import { selectConfigurations } from '../../../../src/driver/content/configuration-selection.js';
import type { ResolvedConnector } from '../../../../src/shared/connectors/model.js';
import { classOf, configurationOf, resolvedOf } from '../../../support/domain.js';

const git = classOf('git', { configurations: [configurationOf('gitconfig', {}), configurationOf('both', {})] });
const oci = classOf('oci', { configurations: [configurationOf('both', {}), configurationOf('registry', {})] });
const bare = classOf('bare');

function select(resolved: readonly ResolvedConnector[], ...names: readonly string[]): [string, string, string][] {
  return selectConfigurations(resolved, names).selected.map(({ group, configuration }) => [
    group.connectorClass.name,
    configuration.name,
    group.connectors.map(({ ref }) => ref.name).join(' '),
  ]);
}

const resolved = [
  resolvedOf('ci/a', 'http://p', oci),
  resolvedOf('ci/b', 'http://p', git),
  resolvedOf('ci/c', 'http://p', oci),
];

describe('the selection of configurations', () => {
  it('warns of a name that no class has when another is found', () => {
    assert.deepEqual(selectConfigurations(resolved, ['registry', 'nope', 'nor']).warnings, [
      'attribute "configuration.names": no configuration nope, nor in connectorclass oci (available: both, registry), connectorclass git (available: gitconfig, both)',
    ]);
  });

  it('finds none of the names: an error that lists those that exist', () => {
    assert.throws(() => select([resolvedOf('ci/a', 'http://p', bare)], 'x'), {
      code: 'NOT_FOUND',
      message: 'attribute "configuration.names": no configuration x in connectorclass bare (available: none)',
    });
  });
});
