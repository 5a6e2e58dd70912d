// The stacks of stacks.json as CDK makes them: each from the template that every tool gets.
const { readFileSync } = require("fs")
const { App, BootstraplessSynthesizer, Stack } = require("aws-cdk-lib")
const { CfnInclude } = require("aws-cdk-lib/cloudformation-include")

const app = new App({ analyticsReporting: false })
const stacks = new Map()
for (const { name, template, waitsOn } of JSON.parse(readFileSync("stacks.json"))) {
  const stack = new Stack(app, name, { stackName: name, synthesizer: new BootstraplessSynthesizer(), analyticsReporting: false })
  new CfnInclude(stack, "Template", { templateFile: template })
  waitsOn.forEach((other) => stack.addDependency(stacks.get(other)))
  stacks.set(name, stack)
}
