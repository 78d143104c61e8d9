//! A strict reader of the pickles in CIFAR's Python version.
//!
//! A pickle is a program for a small stack machine; Python 2 wrote these in protocol 2. The reader supports only the
//! operations that occur in them. It calls no functions: the files name two NumPy functions, which create an array of
//! bytes and an element type, and the reader creates these itself. Anything else is an error. Python's module
//! `pickletools` describes the machine.

mod machine;

use machine::Machine;

/// A value on the stack. Lists, tuples and dictionaries are stored in `Machine`, because several values may refer to
/// one of them while it still grows.
#[derive(Clone, Copy, Debug)]
enum Value<'a> {
    None,
    Bool(bool),
    Int(i64),
    /// A string of bytes or UTF-8 text.
    Bytes(&'a [u8]),
    Sequence(usize),
    Dictionary(usize),
    /// A function or type that is named but not called.
    Name(Known),
    /// An element type with its short name.
    Type(&'a [u8]),
    Array(usize),
}

/// The functions and types that a pickle may name.
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

/// The result of a pickle, which is a dictionary in all these files.
pub(super) struct Pickle<'a> {
    entries: Vec<(Value<'a>, Value<'a>)>,
    sequences: Vec<Vec<Value<'a>>>,
    arrays: Vec<Array<'a>>,
}

impl<'a> Pickle<'a> {
    /// Runs the pickle. Errors do not name the file.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, String> {
        let mut machine = Machine::new(bytes);
        match machine.run() {
            Ok(Value::Dictionary(index)) => Ok(Self {
                entries: machine.dictionaries.swap_remove(index),
                sequences: machine.sequences,
                arrays: machine.arrays,
            }),
            Ok(_) => Err("the pickle is not a dictionary".into()),
            Err(problem) => Err(format!("{problem} before byte {} of the pickle", machine.at)),
        }
    }

    fn get(&self, key: &str) -> Result<Value<'a>, String> {
        let is_key = |value: &Value| matches!(value, Value::Bytes(bytes) if *bytes == key.as_bytes());
        // As in Python, the last entry of a key is used.
        let found = self.entries.iter().rev().find(|(name, _)| is_key(name));
        found.map(|(_, value)| *value).ok_or_else(|| format!("the pickle has no entry `{key}`"))
    }

    fn sequence(&self, key: &str) -> Result<&[Value<'a>], String> {
        match self.get(key)? {
            Value::Sequence(index) => Ok(&self.sequences[index]),
            _ => Err(format!("the pickle's entry `{key}` is not a list")),
        }
    }

    /// The list of numbers under a key.
    pub(super) fn ints(&self, key: &str) -> Result<Vec<i64>, String> {
        let int = |value: &Value| match value {
            Value::Int(int) => Ok(*int),
            _ => Err(format!("the pickle's entry `{key}` is not a list of numbers")),
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
        strings.ok_or_else(|| format!("the pickle's entry `{key}` is not a list of names"))
    }

    /// The shape and the elements, row by row, of the array of bytes under a key.
    pub(super) fn array(&self, key: &str) -> Result<(&[i64], &'a [u8]), String> {
        match self.get(key)? {
            Value::Array(index) => Ok((&self.arrays[index].shape, self.arrays[index].bytes)),
            _ => Err(format!("the pickle's entry `{key}` is not an array")),
        }
    }
}
