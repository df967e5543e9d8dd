#include "compile/clang/instruction_printer.h"

#include <llvm/MC/MCInst.h>
#include <llvm/MC/MCTargetOptions.h>
#include <llvm/MC/TargetRegistry.h>
#include <llvm/Support/raw_ostream.h>

namespace ebl::compile {

const InstructionPrinter::Machine InstructionPrinter::bpf = {"bpfel", "v4",  "",
                                                             8,       false, false};
#if defined(__x86_64__)
const InstructionPrinter::Machine InstructionPrinter::native = {
    "x86_64-linux-gnu", "x86-64-v4", "", 1, true, true};
#elif defined(__aarch64__)
const InstructionPrinter::Machine InstructionPrinter::native = {
    "aarch64-linux-gnu", "generic", "+all", 4, true, false};
#else
const InstructionPrinter::Machine InstructionPrinter::native = {"none", "",   "",
                                                                4,      true, false};
#endif

InstructionPrinter::InstructionPrinter(const Machine& machine) : machine_(machine) {
  std::string problem;
  const llvm::Target* target =
      llvm::TargetRegistry::lookupTarget(machine.triple, problem);
  if (!target) return;
  const llvm::MCTargetOptions options;
  const llvm::Triple triple(machine.triple);
  registers_.reset(target->createMCRegInfo(machine.triple));
  assembly_.reset(target->createMCAsmInfo(*registers_, machine.triple, options));
  subtarget_.reset(
      target->createMCSubtargetInfo(machine.triple, machine.cpu, machine.features));
  instructions_.reset(target->createMCInstrInfo());
  context_ = std::make_unique<llvm::MCContext>(triple, assembly_.get(), registers_.get(),
                                               subtarget_.get());
  disassembler_.reset(target->createMCDisassembler(*subtarget_, *context_));
  printer_.reset(
      target->createMCInstPrinter(triple, 0, *assembly_, *instructions_, *registers_));
  if (!printer_) return;
  printer_->setPrintBranchImmAsAddress(true);
  printer_->setPrintImmHex(machine.hexadecimal);
}

std::string InstructionPrinter::text(llvm::ArrayRef<std::uint8_t> bytes,
                                     std::uint64_t address, std::uint64_t& size) {
  size = machine_.step;
  if (!disassembler_ || !printer_) return "";
  llvm::MCInst instruction;
  std::string out;
  llvm::raw_string_ostream stream(out);
  if (disassembler_->getInstruction(instruction, size, bytes, address, llvm::nulls()) !=
      llvm::MCDisassembler::Success) {
    size = machine_.step;
    return "";
  }
  printer_->printInst(&instruction, address + (machine_.from_end ? size : 0), "",
                      *subtarget_, stream);
  for (char& c : out)
    if (c == '\t') c = ' ';
  return out.substr(std::min(out.find_first_not_of(' '), out.size()));
}

}  // namespace ebl::compile
