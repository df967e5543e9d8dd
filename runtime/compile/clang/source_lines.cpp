#include "compile/clang/source_lines.h"

#include <llvm/IR/DebugInfo.h>
#include <llvm/IR/DebugLoc.h>
#include <llvm/IR/Module.h>

#include <algorithm>
#include <vector>

namespace ebl::compile {
namespace {

// A #line with a number beyond any text would make the text that long.
constexpr unsigned kMostLines = 200'000;

using Lines = std::vector<llvm::StringRef>;

/// The main file, and all files that it includes from disk.
std::vector<clang::FileID> user_files(const clang::SourceManager& sources) {
  std::vector<clang::FileID> out = {sources.getMainFileID()};
  for (unsigned i = 0; i < sources.local_sloc_entry_size(); i++) {
    const clang::SrcMgr::SLocEntry& entry = sources.getLocalSLocEntry(i);
    if (!entry.isFile() ||
        entry.getFile().getFileCharacteristic() != clang::SrcMgr::C_User)
      continue;
    const clang::FileID file =
        sources.getFileID(clang::SourceLocation::getFromRawEncoding(entry.getOffset()));
    if (file != sources.getMainFileID() && sources.getFileEntryForID(file))
      out.push_back(file);
  }
  return out;
}

void add_file(const clang::SourceManager& sources, clang::FileID file,
              llvm::StringMap<Lines>& out) {
  const auto buffer = sources.getBufferDataOrNone(file);
  if (!buffer) return;
  llvm::StringRef rest = *buffer;
  for (unsigned number = 1; !rest.empty(); number++) {
    llvm::StringRef line;
    std::tie(line, rest) = rest.split('\n');
    const clang::PresumedLoc place =
        sources.getPresumedLoc(sources.translateLineCol(file, number, 1));
    // `#line 0` is accepted by clang.
    if (place.isInvalid() || place.getLine() == 0 || place.getLine() >= kMostLines)
      continue;
    Lines& lines = out[place.getFilename()];
    if (lines.size() < place.getLine()) lines.resize(place.getLine());
    lines[place.getLine() - 1] = line;
  }
}

/// Replaces the file operands of the scopes that line information refers to.
class FileReplacer {
 public:
  FileReplacer(llvm::LLVMContext& context, const SourceLines& lines)
      : context_(context), lines_(lines) {}

  void visit(llvm::DIScope* scope) {
    for (; scope; scope = scope->getScope()) {
      if (llvm::isa<llvm::DIFile>(scope) || !seen_.insert(scope).second) return;
      if (llvm::DIFile* file = scope->getFile())
        scope->replaceOperandWith(0, with_source(file));
    }
  }

 private:
  llvm::DIFile* with_source(llvm::DIFile* file) {
    llvm::DIFile*& made = made_[file];
    if (!made) {
      const auto found = lines_.find(file->getFilename());
      // An empty source keeps LLVM from looking on disk.
      const llvm::StringRef source =
          found == lines_.end() ? "\n" : llvm::StringRef(found->second);
      made = llvm::DIFile::get(context_, file->getFilename(), file->getDirectory(),
                               std::nullopt, source);
      made_[made] = made;
    }
    return made_[file];
  }

  llvm::LLVMContext& context_;
  const SourceLines& lines_;
  llvm::DenseMap<llvm::DIFile*, llvm::DIFile*> made_;
  llvm::SmallPtrSet<llvm::DIScope*, 32> seen_;
};

/// Keeps DWARF out of the object, where only BTF is of use: an object of 48 KB becomes
/// one of 20. LLVM writes DWARF for every module with debug information, except one
/// that asks for CodeView and names no version of DWARF; CodeView itself is for Windows
/// targets only.
void drop_dwarf(llvm::Module& module) {
  llvm::NamedMDNode* flags = module.getModuleFlagsMetadata();
  if (!flags) return;
  llvm::SmallVector<llvm::MDNode*, 8> kept;
  for (llvm::MDNode* flag : flags->operands()) {
    const auto* key = llvm::cast<llvm::MDString>(flag->getOperand(1));
    if (key->getString() != "Dwarf Version") kept.push_back(flag);
  }
  flags->clearOperands();
  for (llvm::MDNode* flag : kept) flags->addOperand(flag);
  module.addModuleFlag(llvm::Module::Warning, "CodeView", 1);
}

clang::SourceLocation find_line(const clang::SourceManager& sources, llvm::StringRef name,
                                unsigned line, unsigned column) {
  for (const clang::FileID file : user_files(sources)) {
    const auto buffer = sources.getBufferDataOrNone(file);
    if (!buffer) continue;
    const auto last = static_cast<unsigned>(buffer->count('\n')) + 1;
    for (unsigned number = 1; number <= last; number++) {
      const clang::SourceLocation at = sources.translateLineCol(file, number, column);
      const clang::PresumedLoc place = sources.getPresumedLoc(at);
      if (place.isValid() && place.getLine() == line && place.getFilename() == name)
        return at;
    }
  }
  return {};
}

}  // namespace

clang::SourceLocation location_of(const clang::SourceManager& sources,
                                  const llvm::DebugLoc& place) {
  for (const llvm::DILocation* at = place; at; at = at->getInlinedAt()) {
    const clang::SourceLocation found = find_line(
        sources, at->getFilename(), at->getLine(), std::max(at->getColumn(), 1u));
    if (found.isValid()) return found;
  }
  return {};
}

SourceLines presumed_lines(const clang::SourceManager& sources) {
  llvm::StringMap<Lines> collected;
  for (const clang::FileID file : user_files(sources)) add_file(sources, file, collected);
  SourceLines out;
  for (const auto& entry : collected) {
    std::string& text = out[entry.getKey()];
    for (const llvm::StringRef line : entry.getValue()) text.append(line).push_back('\n');
  }
  return out;
}

llvm::PreservedAnalyses SourceLinesPass::run(llvm::Module& module,
                                             llvm::ModuleAnalysisManager&) {
  drop_dwarf(module);
  const SourceLines lines = presumed_lines(*sources_);
  FileReplacer replacer(module.getContext(), lines);
  for (const llvm::Function& function : module) {
    if (llvm::DISubprogram* program = function.getSubprogram()) replacer.visit(program);
    for (const llvm::BasicBlock& block : function)
      for (const llvm::Instruction& instruction : block)
        for (const llvm::DILocation* at = instruction.getDebugLoc(); at;
             at = at->getInlinedAt())
          replacer.visit(at->getScope());
  }
  return llvm::PreservedAnalyses::all();
}

}  // namespace ebl::compile
