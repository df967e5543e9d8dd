// InstructionPrinter: LLVM's disassembler and printer for one machine, with all that they
// stand on.
#pragma once

#include <llvm/ADT/ArrayRef.h>
#include <llvm/MC/MCAsmInfo.h>
#include <llvm/MC/MCContext.h>
#include <llvm/MC/MCDisassembler/MCDisassembler.h>
#include <llvm/MC/MCInstPrinter.h>
#include <llvm/MC/MCInstrInfo.h>
#include <llvm/MC/MCRegisterInfo.h>
#include <llvm/MC/MCSubtargetInfo.h>

#include <cstdint>
#include <memory>
#include <string>

namespace ebl::compile {

class InstructionPrinter {
 public:
  struct Machine {
    const char* triple;
    const char* cpu;       ///< whose instructions are known
    const char* features;  ///< LLVM's "+a,-b"; empty: those of the cpu
    std::uint64_t step;    ///< bytes to skip where there is no instruction
    bool hexadecimal;      ///< constants
    bool from_end;         ///< branches count from the instruction's end
  };
  static const Machine bpf;
  /// The machine that this program was built for.
  static const Machine native;

  /// The machine's parts of LLVM must be set up.
  explicit InstructionPrinter(const Machine& machine);

  /// The text of the instruction at the start of `bytes`, which lies at `address`; `size`
  /// is what it takes. Empty where there is none.
  std::string text(llvm::ArrayRef<std::uint8_t> bytes, std::uint64_t address,
                   std::uint64_t& size);

 private:
  const Machine& machine_;
  std::unique_ptr<llvm::MCRegisterInfo> registers_;
  std::unique_ptr<llvm::MCAsmInfo> assembly_;
  std::unique_ptr<llvm::MCSubtargetInfo> subtarget_;
  std::unique_ptr<llvm::MCInstrInfo> instructions_;
  std::unique_ptr<llvm::MCContext> context_;
  std::unique_ptr<llvm::MCDisassembler> disassembler_;
  std::unique_ptr<llvm::MCInstPrinter> printer_;
};

}  // namespace ebl::compile
