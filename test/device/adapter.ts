// An adapter for WebGPU in Node: what the machine has, else the software driver that comes with Chromium.
import { existsSync } from 'node:fs';
import { messageOf, UsageError } from '#src/base/errors.js';
import { exportModel } from '#src/onnx/export.js';
import { createGraph, input } from '#src/onnx/graph.js';
import { neg } from '#src/onnx/ops.js';
import { writeModel } from '#src/onnx/write.js';
import { createSession } from '#src/runtime/session.js';

/** Where Debian and Chrome put SwiftShader's description for the Vulkan loader (package libvulkan1). */
const descriptions = ['/usr/lib/chromium/vk_swiftshader_icd.json', '/opt/google/chrome/vk_swiftshader_icd.json'];

/** Whether there is one. It is the software driver unless VK_ICD_FILENAMES or VK_DRIVER_FILES name another. */
export async function hasAdapter(): Promise<boolean> {
  const driver = descriptions.find((path) => existsSync(path));
  if (!process.env.VK_DRIVER_FILES && driver) process.env.VK_ICD_FILENAMES ??= driver;
  // Drivers complain where a desktop has not set it.
  process.env.XDG_RUNTIME_DIR ??= '/tmp';
  const graph = createGraph('negation');
  const model = exportModel(graph, { y: neg(input(graph, 'x', 'float32', [1])) });
  try {
    await (await createSession(writeModel(model), { device: 'webgpu' })).release();
    return true;
  } catch (thrown) {
    // Anything else is a fault.
    if (!(thrown instanceof UsageError) && !/Failed to get a WebGPU adapter/.test(messageOf(thrown))) throw thrown;
    console.warn(`skipped: WebGPU in Node (${messageOf(thrown)})`);
    return false;
  }
}
