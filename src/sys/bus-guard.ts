// Keeps this process alive when a program cuts off a file that is mapped here: touching a page behind the file's end
// raises SIGBUS. A small handler in machine code, as JavaScript cannot run in a signal handler, puts an anonymous page
// of zeros in place of the missing one, counts, and lets the instruction go on. It acts for faults in one range of
// addresses only; anything else goes to the handler that was there before, or ends the process as it should.

import { LAYOUT } from './layout.js'
import { check, errno, NativeMemory, native, sysError, viewMemory } from './native.js'

const SIGBUS = 7
const SA_SIGINFO = 4
const SA_RESTORER = 0x04000000
const SA_ONSTACK = 0x08000000
/** Bytes of a signal mask. */
const MASK_BYTES = 8
const PROT_READ_WRITE = 3
const PROT_READ_EXEC = 5
const MAP_PRIVATE_ANONYMOUS = 0x22

// The handler's data lies 4096 bytes behind its first instruction:
//   +0 start of the range | +8 its bytes | +16 page mask | +24 page size | +32 faults | +40 action before ours | +72 zeros
const DATA_DISTANCE = 4096
const DATA = { start: 0, bytes: 8, mask: 16, page: 24, faults: 32, before: 40 } as const

interface HandlerCode {
  readonly hex: string
  /** Offset of the code that returns from the handler, where the kernel wants it told. */
  readonly restorer?: number
}

const CODE: Readonly<Record<string, HandlerCode>> = {
  x64: {
    restorer: 0x8f,
    hex: [
      '4c8d05f90f0000', //  lea r8,[rip+0xff9]          data
      '837e0800', //        cmp dword [rsi+8],0         si_code: sent by a process?
      '7e45', //            jle other
      '488b4e10', //        mov rcx,[rsi+16]            si_addr
      '4889c8', //          mov rax,rcx
      '492b00', //          sub rax,[r8]
      '493b4008', //        cmp rax,[r8+8]              in the range?
      '7335', //            jae other
      'f049ff4020', //      lock inc qword [r8+32]
      '4889cf', //          mov rdi,rcx
      '49237810', //        and rdi,[r8+16]             its page
      '498b7018', //        mov rsi,[r8+24]
      'ba03000000', //      mov edx,3                   PROT_READ | PROT_WRITE
      '41ba32000000', //    mov r10d,0x32               MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS
      '49c7c0ffffffff', //  mov r8,-1
      '4531c9', //          xor r9d,r9d
      'b809000000', //      mov eax,9                   mmap
      '0f05', //            syscall
      '483d01f0ffff', //    cmp rax,-4095
      '730d', //            jae end
      'c3', //              ret
      '498b4028', //        other: mov rax,[r8+40]      the handler before ours
      '4883f801', //        cmp rax,1                   SIG_DFL or SIG_IGN?
      '7602', //            jbe end
      'ffe0', //            jmp rax
      'bf07000000', //      end: mov edi,7              SIGBUS
      '488d35de0f0000', //  lea rsi,[rip+0xfde]         zeros: the default action
      '31d2', //            xor edx,edx
      '41ba08000000', //    mov r10d,8
      'b80d000000', //      mov eax,13                  rt_sigaction
      '0f05', //            syscall
      'b827000000', //      mov eax,39                  getpid
      '0f05', //            syscall
      '89c7', //            mov edi,eax
      'be07000000', //      mov esi,7
      'b83e000000', //      mov eax,62                  kill: taken as soon as we return
      '0f05', //            syscall
      'c3', //              ret
      'b80f000000', //      restorer: mov eax,15        rt_sigreturn
      '0f05', //            syscall
    ].join(''),
  },
  arm64: {
    // Instructions as words; written lowest byte first.
    hex: [
      '10008009', // adr x9, data
      'b940082a', // ldr w10,[x1,#8]           si_code: sent by a process?
      '7100015f', // cmp w10,#0
      '540002ad', // b.le other
      'f940082a', // ldr x10,[x1,#16]          si_addr
      'a940312b', // ldp x11,x12,[x9]
      'cb0b014b', // sub x11,x10,x11
      'eb0c017f', // cmp x11,x12               in the range?
      '54000202', // b.hs other
      'f940112b', // ldr x11,[x9,#32]
      '9100056b', // add x11,x11,#1
      'f900112b', // str x11,[x9,#32]
      'a941312b', // ldp x11,x12,[x9,#16]
      '8a0b0140', // and x0,x10,x11            its page
      'aa0c03e1', // mov x1,x12
      'd2800062', // mov x2,#3                 PROT_READ | PROT_WRITE
      'd2800643', // mov x3,#0x32              MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS
      '92800004', // mov x4,#-1
      'd2800005', // mov x5,#0
      'd2801bc8', // mov x8,#222               mmap
      'd4000001', // svc #0
      'b13ffc1f', // cmn x0,#4095
      '540000c2', // b.hs end
      'd65f03c0', // ret
      'f940152a', // other: ldr x10,[x9,#40]   the handler before ours
      'f100055f', // cmp x10,#1                SIG_DFL or SIG_IGN?
      '54000049', // b.ls end
      'd61f0140', // br x10
      'd28000e0', // end: mov x0,#7            SIGBUS
      '91012121', // add x1,x9,#72             zeros: the default action
      'd2800002', // mov x2,#0
      'd2800103', // mov x3,#8
      'd28010c8', // mov x8,#134               rt_sigaction
      'd4000001', // svc #0
      'd2801588', // mov x8,#172               getpid
      'd4000001', // svc #0
      'd28000e1', // mov x1,#7
      'd2801028', // mov x8,#129               kill: taken as soon as we return
      'd4000001', // svc #0
      'd65f03c0', // ret
    ]
      .map(word => Buffer.from(word, 'hex').reverse().toString('hex'))
      .join(''),
  },
}

/** The machine code of the handler for an architecture of node's naming; undefined where there is none. */
export function handlerCode(architecture: string): Uint8Array | undefined {
  const code = CODE[architecture]
  return code === undefined ? undefined : Buffer.from(code.hex, 'hex')
}

/** Installed for the life of the process. Several, for different ranges, pass on what is not theirs. */
export class BusGuard {
  readonly #data: Uint32Array

  /** Throws SysError, or RangeError on an architecture that has no handler. */
  constructor(start: number, bytes: number, page: number) {
    const code = CODE[process.arch]
    if (code === undefined) throw new RangeError(`no handler of SIGBUS for ${process.arch}`)
    const at = check(native().mmap(null, 2 * page, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, -1, 0), 'mmap')
    // At the end of the first page, so that the data has its distance whatever a page is.
    const entry = at + page - DATA_DISTANCE
    new Uint8Array(viewMemory(BigInt(entry), DATA_DISTANCE)).set(Buffer.from(code.hex, 'hex'))
    const data = viewMemory(BigInt(at + page), page)
    this.#data = new Uint32Array(data)
    const fields = new DataView(data)
    fields.setBigUint64(DATA.start, BigInt(start), true)
    fields.setBigUint64(DATA.bytes, BigInt(bytes), true)
    fields.setBigUint64(DATA.mask, BigInt.asUintN(64, ~BigInt(page - 1)), true)
    fields.setBigUint64(DATA.page, BigInt(page), true)
    // Only now executable: the kernel brings the instruction cache in line when it makes the page so.
    check(native().mprotect(BigInt(at), page, PROT_READ_EXEC), 'mprotect')
    this.#install(entry, code, BigInt(at + page + DATA.before))
  }

  /** Pages replaced until now; wraps at 2^32. Whoever touches a file of others compares before and after. */
  get faults(): number {
    return this.#data[DATA.faults >> 2]!
  }

  #install(entry: number, code: HandlerCode, before: bigint): void {
    const { size, handler, flags, restorer } = LAYOUT.kernelSigaction
    const action = new NativeMemory(size)
    action.setPointer(handler, entry)
    action.words[flags >> 2] = SA_SIGINFO | SA_ONSTACK
    if (code.restorer !== undefined) {
      action.words[flags >> 2] = SA_SIGINFO | SA_ONSTACK | SA_RESTORER
      action.setPointer(restorer, entry + code.restorer)
    }
    // Straight to the kernel, because the handler gives the action before ours back to the kernel.
    // Asked for first: between the installing and the kernel's answer a fault of another thread could come.
    const { syscall } = native()
    const asked = syscall(LAYOUT.sysRtSigaction, SIGBUS, null, before, MASK_BYTES)
    const set = asked < 0 ? asked : syscall(LAYOUT.sysRtSigaction, SIGBUS, action.pointer, before, MASK_BYTES)
    if (set < 0) throw sysError(errno(), 'rt_sigaction')
  }
}
