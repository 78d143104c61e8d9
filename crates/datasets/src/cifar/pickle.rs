//! A strict reader of the pickles that CIFAR's Python version consists of.
//!
//! A pickle is a program for a small stack machine; Python 2 wrote these in protocol 2. The reader knows the operations
//! that occur in them and no other. It calls nothing: of the two functions that the files name, both of NumPy, it knows
//! what they would have made, an array of bytes and the type of its elements. Anything else is an error.
//! The machine is described in Python's module `pickletools`.

use std::collections::HashMap;

/// A value on the stack. Lists, tuples and dictionaries lie in `Machine`, since they may be shared and still grow.
#[derive(Clone, Copy, Debug)]
enum Value<'a> {
    None,
    Bool(bool),
    Int(i64),
    /// A string, of bytes or of UTF-8.
    Bytes(&'a [u8]),
    Sequence(usize),
    Dictionary(usize),
    /// A function or type, named but not called.
    Name(Known),
    /// A type of elements, told by its short name.
    Type(&'a [u8]),
    Array(usize),
}

/// What a pickle may name.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Known {
    Reconstruct,
    NdArray,
    DType,
}

#[derive(Clone, Debug, Default)]
struct Array<'a> {
    shape: Vec<i64>,
    bytes: &'a [u8],
}

/// A pickle that has been run: a dictionary, as all these files are.
pub(super) struct Pickle<'a> {
    entries: Vec<(Value<'a>, Value<'a>)>,
    sequences: Vec<Vec<Value<'a>>>,
    arrays: Vec<Array<'a>>,
}

impl<'a> Pickle<'a> {
    /// Runs the pickle. Errors are a few words without the file's name.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, String> {
        let mut machine = Machine { bytes, ..Machine::default() };
        match machine.run() {
            Ok(Value::Dictionary(index)) => Ok(Self {
                entries: machine.dictionaries.swap_remove(index),
                sequences: machine.sequences,
                arrays: machine.arrays,
            }),
            Ok(_) => Err("the pickle holds no dictionary".into()),
            Err(problem) => Err(format!("{problem} before byte {} of the pickle", machine.at)),
        }
    }

    fn get(&self, key: &str) -> Result<Value<'a>, String> {
        let is_key = |value: &Value| matches!(value, Value::Bytes(bytes) if *bytes == key.as_bytes());
        // As in Python the last one counts.
        let found = self.entries.iter().rev().find(|(name, _)| is_key(name));
        found.map(|(_, value)| *value).ok_or_else(|| format!("the pickle has no entry `{key}`"))
    }

    fn sequence(&self, key: &str) -> Result<&[Value<'a>], String> {
        match self.get(key)? {
            Value::Sequence(index) => Ok(&self.sequences[index]),
            _ => Err(format!("the pickle's entry `{key}` is no list")),
        }
    }

    /// The list of numbers under a key.
    pub(super) fn ints(&self, key: &str) -> Result<Vec<i64>, String> {
        let int = |value: &Value| match value {
            Value::Int(int) => Ok(*int),
            _ => Err(format!("the pickle's entry `{key}` is no list of numbers")),
        };
        self.sequence(key)?.iter().map(int).collect()
    }

    /// The list of strings under a key.
    pub(super) fn strings(&self, key: &str) -> Result<Vec<String>, String> {
        let string = |value: &Value| match value {
            Value::Bytes(bytes) => String::from_utf8(bytes.to_vec()).ok(),
            _ => None,
        };
        let strings: Option<Vec<String>> = self.sequence(key)?.iter().map(string).collect();
        strings.ok_or_else(|| format!("the pickle's entry `{key}` is no list of names"))
    }

    /// Shape and elements, row by row, of the array of bytes under a key.
    pub(super) fn array(&self, key: &str) -> Result<(&[i64], &'a [u8]), String> {
        match self.get(key)? {
            Value::Array(index) => Ok((&self.arrays[index].shape, self.arrays[index].bytes)),
            _ => Err(format!("the pickle's entry `{key}` is no array")),
        }
    }
}

#[derive(Default)]
struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    stack: Vec<Value<'a>>,
    /// Lengths of the stack where marks were set.
    marks: Vec<usize>,
    memo: HashMap<u32, Value<'a>>,
    sequences: Vec<Vec<Value<'a>>>,
    dictionaries: Vec<Vec<(Value<'a>, Value<'a>)>>,
    arrays: Vec<Array<'a>>,
}

impl<'a> Machine<'a> {
    fn run(&mut self) -> Result<Value<'a>, String> {
        loop {
            let operation = self.take(1)?[0];
            match operation {
                b'.' => return self.pop(),
                0x80 => {
                    let protocol = self.take(1)?[0];
                    if protocol > 2 {
                        return Err(format!("protocol {protocol} where 2 is expected"));
                    }
                }
                b'(' => self.marks.push(self.stack.len()),
                b'N' => self.stack.push(Value::None),
                0x88 | 0x89 => self.stack.push(Value::Bool(operation == 0x88)),
                b'K' => self.int::<1>(|bytes| bytes[0].into())?,
                b'M' => self.int::<2>(|bytes| u16::from_le_bytes(bytes).into())?,
                b'J' => self.int::<4>(|bytes| i32::from_le_bytes(bytes).into())?,
                0x8a => self.long()?,
                b'U' => self.string(1)?,
                b'T' | b'X' => self.string(4)?,
                b'}' => self.dictionary(),
                b']' | b')' => self.sequence(vec![]),
                b't' => {
                    let items = self.pop_mark()?;
                    self.sequence(items);
                }
                0x85..=0x87 => {
                    let count = usize::from(operation - 0x84);
                    let start = self.stack.len().checked_sub(count).ok_or("an empty stack")?;
                    let items = self.stack.split_off(start);
                    self.sequence(items);
                }
                b'a' => {
                    let item = self.pop()?;
                    self.extend(vec![item])?;
                }
                b'e' => {
                    let items = self.pop_mark()?;
                    self.extend(items)?;
                }
                b's' => {
                    let value = self.pop()?;
                    let key = self.pop()?;
                    self.set(&[key, value])?;
                }
                b'u' => {
                    let items = self.pop_mark()?;
                    self.set(&items)?;
                }
                b'q' => self.remember(1)?,
                b'r' => self.remember(4)?,
                b'h' => self.recall(1)?,
                b'j' => self.recall(4)?,
                b'c' => self.name()?,
                b'R' => self.call()?,
                b'b' => self.build()?,
                other => {
                    return Err(format!("operation 0x{other:02x}, which the official files do not have,"));
                }
            }
        }
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], String> {
        let end = self.at.checked_add(count).filter(|end| *end <= self.bytes.len());
        let end = end.ok_or("the file ends too early")?;
        let taken = &self.bytes[self.at..end];
        self.at = end;
        Ok(taken)
    }

    /// A length or index of 1 or 4 bytes.
    fn number(&mut self, width: usize) -> Result<u32, String> {
        let bytes = self.take(width)?;
        Ok(bytes.iter().rev().fold(0, |number, &byte| (number << 8) | u32::from(byte)))
    }

    fn pop(&mut self) -> Result<Value<'a>, String> {
        // What lies below a mark belongs to what the mark was set for.
        let floor = self.marks.last().copied().unwrap_or(0);
        if self.stack.len() <= floor {
            Err("an empty stack".into())
        } else {
            self.stack.pop().ok_or_else(String::new)
        }
    }

    fn pop_mark(&mut self) -> Result<Vec<Value<'a>>, String> {
        let mark = self.marks.pop().ok_or("no mark")?;
        Ok(self.stack.split_off(mark.min(self.stack.len())))
    }

    fn int<const N: usize>(&mut self, value: impl Fn([u8; N]) -> i64) -> Result<(), String> {
        let bytes = self.take(N)?.try_into().map_err(|_| "the file ends too early")?;
        self.stack.push(Value::Int(value(bytes)));
        Ok(())
    }

    /// A number of any width, as shapes are where Python's plain numbers are short.
    fn long(&mut self) -> Result<(), String> {
        let width = self.take(1)?[0].into();
        let bytes = self.take(width)?;
        let Some((last, rest)) = bytes.split_last().filter(|_| bytes.len() <= 8) else {
            return Err("a number of another size than the official files have".into());
        };
        let high = i64::from(last.cast_signed());
        self.stack
            .push(Value::Int(rest.iter().rev().fold(high, |number, &byte| (number << 8) | i64::from(byte))));
        Ok(())
    }

    fn string(&mut self, width: usize) -> Result<(), String> {
        let length = self.number(width)? as usize;
        let bytes = self.take(length)?;
        self.stack.push(Value::Bytes(bytes));
        Ok(())
    }

    fn dictionary(&mut self) {
        self.stack.push(Value::Dictionary(self.dictionaries.len()));
        self.dictionaries.push(vec![]);
    }

    fn sequence(&mut self, items: Vec<Value<'a>>) {
        self.stack.push(Value::Sequence(self.sequences.len()));
        self.sequences.push(items);
    }

    fn extend(&mut self, items: Vec<Value<'a>>) -> Result<(), String> {
        match self.stack.last() {
            Some(Value::Sequence(index)) => self.sequences[*index].extend(items),
            _ => return Err("no list to add to".into()),
        }
        Ok(())
    }

    fn set(&mut self, items: &[Value<'a>]) -> Result<(), String> {
        match self.stack.last() {
            Some(Value::Dictionary(index)) if items.len().is_multiple_of(2) => {
                self.dictionaries[*index].extend(items.chunks_exact(2).map(|pair| (pair[0], pair[1])));
            }
            _ => return Err("no dictionary to add pairs to".into()),
        }
        Ok(())
    }

    fn remember(&mut self, width: usize) -> Result<(), String> {
        let index = self.number(width)?;
        let value = *self.stack.last().ok_or("an empty stack")?;
        self.memo.insert(index, value);
        Ok(())
    }

    fn recall(&mut self, width: usize) -> Result<(), String> {
        let index = self.number(width)?;
        let value = self.memo.get(&index).ok_or("nothing remembered")?;
        self.stack.push(*value);
        Ok(())
    }

    fn line(&mut self) -> Result<&'a [u8], String> {
        let rest = &self.bytes[self.at..];
        let length = rest.iter().position(|&byte| byte == b'\n').ok_or("the file ends too early")?;
        let line = self.take(length)?;
        self.take(1)?;
        Ok(line)
    }

    fn name(&mut self) -> Result<(), String> {
        let (module, name) = (self.line()?, self.line()?);
        let known = match (module, name) {
            // NumPy renamed its inner modules once.
            (b"numpy.core.multiarray" | b"numpy._core.multiarray", b"_reconstruct") => Known::Reconstruct,
            (b"numpy", b"ndarray") => Known::NdArray,
            (b"numpy", b"dtype") => Known::DType,
            _ => {
                let [module, name] = [module, name].map(|bytes| bytes.escape_ascii().to_string());
                return Err(format!("the name {module}.{name}, which the official files do not have,"));
            }
        };
        self.stack.push(Value::Name(known));
        Ok(())
    }

    /// What a call would make: an array that is still empty, or a type of elements.
    fn call(&mut self) -> Result<(), String> {
        let (arguments, function) = (self.pop()?, self.pop()?);
        let Value::Sequence(arguments) = arguments else { return Err("a call without arguments".into()) };
        let first = self.sequences[arguments].first();
        let made = match (function, first) {
            (Value::Name(Known::Reconstruct), Some(Value::Name(Known::NdArray))) => {
                self.arrays.push(Array::default());
                Value::Array(self.arrays.len() - 1)
            }
            (Value::Name(Known::DType), Some(Value::Bytes(kind))) => Value::Type(kind),
            _ => return Err("a call that the official files do not have".into()),
        };
        self.stack.push(made);
        Ok(())
    }

    /// Fills what a call made: an array with its shape and bytes. The order of bytes in a type is of no concern, since an
    /// element is one byte.
    fn build(&mut self) -> Result<(), String> {
        let state = self.pop()?;
        let Value::Sequence(state) = state else { return Err("a state that is no tuple".into()) };
        match self.stack.last() {
            Some(Value::Type(_)) => Ok(()),
            Some(Value::Array(index)) => {
                let index = *index;
                self.arrays[index] = self.array(&self.sequences[state])?;
                Ok(())
            }
            _ => Err("a state of nothing".into()),
        }
    }

    /// The array of a state: version, shape, type, whether it is stored column by column, bytes.
    fn array(&self, state: &[Value<'a>]) -> Result<Array<'a>, String> {
        let [_, Value::Sequence(shape), Value::Type(b"u1" | b"|u1"), order, Value::Bytes(bytes)] = state
        else {
            return Err("an array that is not of bytes".into());
        };
        let shape = self.sequences[*shape].iter().map(|length| match length {
            Value::Int(length) => Ok(*length),
            _ => Err("a shape that is not of numbers".to_string()),
        });
        let shape = shape.collect::<Result<Vec<_>, _>>()?;
        let elements = shape.iter().try_fold(1i64, |product, length| product.checked_mul(*length));
        if elements != i64::try_from(bytes.len()).ok() {
            return Err(format!("an array of shape {shape:?} and {} bytes", bytes.len()));
        }
        if !matches!(order, Value::Bool(false)) {
            return Err("an array that is not stored row by row".into());
        }
        Ok(Array { shape, bytes })
    }
}
