// The pages of docs/ that are made from the code, by file name; the bill of materials lies beside them.
import { join } from 'node:path';
import { configSchema } from '#src/train/config.js';
import { drawArchitecture, readImports } from './architectureDocs.js';
import { commandPage } from './commandDocs.js';
import { configPage } from './configDocs.js';
import { mutationPage } from './mutationDocs.js';
import { mutations } from './mutations/index.js';
import { billOfMaterials, licencePage } from './supplyChain.js';

/** @param root the repository's folder. */
export async function pages(root: string): Promise<Record<string, string>> {
  return {
    'commands.md': await commandPage(),
    'configuration.md': configPage(configSchema),
    'mutations.md': mutationPage(mutations),
    'licences.md': await licencePage(root),
    '../sbom.cdx.json': await billOfMaterials(root),
    'architecture.svg': drawArchitecture(readImports(join(root, 'src'))),
  };
}
