// Creates the bill of materials in CycloneDX format: each shipped package with version and licence.
import { Contrib, Enums, Models, Serialize, Spec } from '@cyclonedx/cyclonedx-library';
import { PackageURL } from 'packageurl-js';
import parseSpdx from 'spdx-expression-parse';
import { manifestOf, shippedPackages } from './packages.mjs';

const { Builders, Factories } = Contrib.FromNodePackageJson;
const licences = new Contrib.License.Factories.LicenseFactory((expression) => parseSpdx(expression) !== undefined);
const components = new Builders.ComponentBuilder(new Factories.ExternalReferenceFactory(), licences);

/**
 * The same packages result in the same text, without times and random numbers.
 * @param root folder that the metafile's paths start from.
 * @param metafiles esbuild's metafiles of the bundles.
 * @returns CycloneDX 1.6, JSON.
 */
export function sbomOf(root, metafiles) {
  const bom = new Models.Bom();
  bom.metadata.component = componentOf(root, Enums.ComponentType.Application);
  for (const folder of shippedPackages(root, metafiles)) {
    const component = componentOf(folder, Enums.ComponentType.Library);
    bom.components.add(component);
    bom.metadata.component.dependencies.add(component.bomRef);
  }
  const serializer = new Serialize.JsonSerializer(new Serialize.JSON.Normalize.Factory(Spec.Spec1dot6));
  return `${serializer.serialize(bom, { sortLists: true, space: 1 })}\n`;
}

function componentOf(folder, type) {
  const manifest = manifestOf(folder);
  const component = components.makeComponent(manifest, type);
  if (component === undefined || component.licenses.size === 0) throw new Error(`${folder} says no name or no licence`);
  component.purl = new PackageURL('npm', component.group, component.name, component.version, undefined, undefined);
  component.bomRef.value = `${manifest.name}@${manifest.version}`;
  return component;
}
